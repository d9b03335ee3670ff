// icons.mjs: the icons that pages use, by name; a new one is one more name here.
export {
  Activity, Archive, ArrowDown, ArrowLeft, ArrowRight, Ban, Bell, BellOff, Bold, Building2, CalendarClock, Camera, ChartColumn, Check,
  CheckCheck, ChevronDown, ChevronLeft, ChevronRight, ChevronUp, CircleAlert, CircleCheck, CircleHelp, CirclePause, CirclePlay,
  CircleX, ClipboardList, Clock, Columns3, Contact, Copy, CornerUpLeft, Download, Ellipsis, EllipsisVertical,
  ExternalLink, Eye, EyeOff, FileSpreadsheet, FileText, Filter, Flag, Globe, GripVertical, Handshake, Hourglass, Image, Inbox, IndianRupee,
  Info, KeyRound, Languages, Link, List, ListChecks, LoaderCircle, Lock, LogOut, Mail, MapPin, Megaphone,
  MessageCircle, MessageSquare, MessageSquarePlus, MessagesSquare, Mic, Minus, Moon, Package, Palette, Paperclip, Pause, Pencil, Phone, Pin, Play,
  Plus, RefreshCw, Reply, RotateCcw, Save, Search, Send, Settings, Share2, Shield, ShieldCheck, Smile, SmilePlus,
  Sparkles, Square, SquareCheck, Star, Sticker, Store, Sun, Tag, Trash2, TriangleAlert, Undo2, Upload, User, UserCheck,
  UserPlus, UserX, Users, Video, Wallet, Wifi, WifiOff, Workflow, X, Zap,
} from "lucide"

// team.js: who belongs to the organization, as what, and who is invited.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { date, day } from "../../lib/formats.js"
import { membersKey, useMembers } from "../../lib/members.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, loadOrganizations, org, person } from "../../lib/session.js"
import { Avatar } from "../../ui/avatar.js"
import { Button, Chip, Copyable, Field, IconButton, Loaded, Notice, Select } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { invitationLink } from "../../lib/invitation.js"
import { t } from "./words.js"

const ROLES = ["agent", "admin", "owner"]
/** The roles that the person may give: none above their own. */
const givable = () => ROLES.filter((role) => may(role))

function Member({ member }) {
  const isMe = member.id === person.value.id
  const mayChange = may("admin") && !isMe && may(member.role)
  const after = async (words) => { refresh(membersKey()); if (words) say(words) }
  const change = async (role) => { await rpc("set_member_role", { user_id: member.id, role }); await after(t("saved")) }
  const remove = async () => {
    if (!(await confirm({ title: t("remove"), text: t("removeText", { name: member.name }), action: t("removeAction"), isDanger: true }))) return
    await rpc("remove_member", { user_id: member.id })
    await after(t("removed"))
  }
  const handOver = async () => {
    if (!(await confirm({ title: t("handOver"), text: t("handOverText", { name: member.name }), action: t("handOverAction") }))) return
    await rpc("transfer_ownership", { user_id: member.id })
    await loadOrganizations()
    await after(t("saved"))
  }
  return html`<li class="row member"><${Avatar} name=${member.name} id=${member.id} />
    <div class="grow"><p class="clip"><strong>${member.name}</strong> ${isMe && html`<span class="soft">(${t("you")})</span>`}</p><p class="clip soft small">${member.email} · ${t("since", { day: date(member.since) })}</p></div>
    <${Chip} kind=${member.role === "owner" ? "good" : ""}>${t(member.role)}<//>
    ${mayChange && html`<${Menu} label=${member.name} items=${[
      ...givable().map((role) => ({ label: t(role), isChosen: role === member.role, run: () => change(role) })),
      may("owner") && { label: t("handOver"), icon: "UserCheck", run: handOver },
      { label: t("remove"), icon: "UserX", isDanger: true, run: remove },
    ]} trigger=${(props) => html`<${IconButton} icon="EllipsisVertical" label="${t("role")}: ${member.name}" ...${props} />`} />`}
  </li>`
}

function Invite({ onInvited }) {
  const [email, setEmail] = useState("")
  const [role, setRole] = useState("agent")
  const [made, setMade] = useState(null)
  const invite = async () => {
    const answer = await rpc("invite_member", { email, role })
    setMade({ email, ...answer })
    setEmail("")
    onInvited()
  }
  return html`<section class="card stack"><h3>${t("invite")}</h3>
    <form class="row breaks invite" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <div class="grow"><${Field} label=${t("email")}>${(props) => html`<input ...${props} type="email" required autocomplete="off" value=${email} onInput=${(event) => setEmail(event.target.value)} />`}<//></div>
      <${Field} label=${t("role")}>${(props) => html`<${Select} ...${props} value=${role} onChange=${(event) => setRole(event.target.value)} options=${givable().map((one) => [one, t(one)])} />`}<//>
      <${Button} kind="primary" disabled=${!email.includes("@")} onClick=${invite}>${t("inviteAction")}<//>
    </form>
    ${made && html`<${Notice} kind="good"><div class="stack tight"><p class="wrap">${t("invited", { email: made.email, day: day(made.expires_at) })}</p><${Copyable} label=${t("invitationLink")} text=${invitationLink(made.token)} /></div><//>`}
  </section>`
}

export default function Team() {
  const members = useMembers()
  const key = `invitations ${org.value.id}`
  const invitations = useQuery(may("admin") ? key : null, () => rows("invitations", (query) => query.select("id, email, role, expires_at")
    .is("accepted_at", null).is("revoked_at", null).gt("expires_at", new Date().toISOString()).order("created_at", { ascending: false })))
  const revoke = async (id) => { await rpc("revoke_invitation", { invitation_id: id }); refresh(key); say(t("revoked")) }
  return html`<section class="card stack"><p class="soft">${t("roleHelp")}</p>
      <${Loaded} query=${members} retry=${() => refresh(membersKey())} height=${48}>${(found) => html`<ul class="list">${found.map((member) => html`<${Member} key=${member.id} member=${member} />`)}</ul>`}<//></section>
    ${may("admin") && html`<${Invite} onInvited=${() => refresh(key)} />
      <section class="card stack"><h3>${t("open")}</h3><${Loaded} query=${invitations} retry=${() => refresh(key)} lines=${2}>${(found) => (found.length
        ? html`<ul class="list">${found.map((one) => html`<li class="row member" key=${one.id}><div class="grow"><p class="clip">${one.email}</p><p class="soft small">${t(one.role)} · ${t("until", { day: day(one.expires_at) })}</p></div><${Button} onClick=${() => revoke(one.id)}>${t("revoke")}<//></li>`)}</ul>`
        : html`<p class="soft">${t("none")}</p>`)}<//></section>`}`
}

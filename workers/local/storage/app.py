"""The routes of the Storage stand-in."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from workers.local.storage.errors import StorageError, reply
from workers.local.storage.names import is_acceptable
from workers.local.storage.objects import Files, Upload, send
from workers.local.storage.rows import BUCKETS, DELETE, FIND, SEARCH, Caller, Rows

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROLES = ("anon", "authenticated", "service_role")
UPLOAD_LINK_SECONDS = 7200


class Storage:
    """The WSGI application."""

    def __init__(self, dsn: str, root: Path, secret: str, keys: Mapping[str, str], limit: int) -> None:
        self.secret, self.keys, self.limit = secret, dict(keys), limit
        self.link_secret = secret + "/storage"  # so that the token of a signed address is never a login
        self.rows, self.files = Rows(dsn), Files(root)
        self.files.drop_all_but(self.rows.versions())

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request; every refusal has hosted's form."""
        try:
            response = self._answer(Request(environ))
        except StorageError as error:
            response = reply(error.body, error.status)
        except jwt.PyJWTError as error:
            refusal = StorageError("jwt", str(error))
            response = reply(refusal.body, refusal.status)
        except HTTPException as error:
            refusal = StorageError({413: "large", 416: "range"}.get(error.code or 0, "request"))
            response = reply(refusal.body, refusal.status)
        except (KeyError, ValueError, TypeError, AttributeError):  # a body that is not what the route expects
            refusal = StorageError("request")
            response = reply(refusal.body, refusal.status)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if not is_acceptable(request.path):
            raise StorageError("request", f"Invalid key: {request.path}")
        path = request.path.split("/")[3:]
        if response := self._without_caller(request, path):
            return response
        who = self._caller(request)
        if not who:
            raise StorageError("42501", "headers must have required property 'authorization'")
        return self._with_caller(request, path, who)

    def _without_caller(self, request: Request, path: list[str]) -> Response | None:
        match [request.method, *path]:
            case ["GET" | "HEAD", "object", "sign", bucket, *parts] if parts:
                claims = self._link_claims(request, "sign", bucket, name := "/".join(parts))
                row = self.rows.one("object", None, "object.get_signed", FIND, bucket, [name])
                return send(self.files, request, row, int(claims["exp"]))
            case ["PUT", "object", "upload", "sign", bucket, *parts] if parts:
                claims = self._link_claims(request, "upload/sign", bucket, name := "/".join(parts))
                upload = Upload(self.rows, self.files, request, self.limit)
                upsert, owner = bool(claims["upsert"]), claims["owner"]
                return upload.run(None, "object.upload_signed", bucket, name, upsert=upsert, owner=owner)
            case ["GET" | "HEAD", "object", *rest] if len(rest) > 1:
                modes = ("info", "public", "authenticated")
                at = next((i for i, part in enumerate(rest) if part not in modes), 0)
                return self._read(request, rest[:at], rest[at], "/".join(rest[at + 1 :]))
        return None

    def _with_caller(self, request: Request, path: list[str], who: Caller) -> Response:
        upsert = request.method == "PUT" or request.headers.get("x-upsert") == "true"
        match [request.method, *path]:
            case ["GET", "bucket"]:
                return reply(self.rows.run(who, "bucket.list", BUCKETS, None))
            case ["GET", "bucket", bucket]:
                return reply(self.rows.one("bucket", who, "bucket.get", BUCKETS, bucket))
            case ["POST", "object", "list", bucket]:
                return reply(self._list(request, who, bucket))
            case ["POST", "object", "sign", bucket]:
                return reply(self._sign_many(request, who, bucket))
            case ["POST", "object", "sign", bucket, *parts]:
                self.rows.one("object", who, "object.sign", FIND, bucket, ["/".join(parts)])
                return reply(
                    {"signedURL": self._link("sign", bucket, "/".join(parts), request.json["expiresIn"])}
                )
            case ["POST", "object", "upload", "sign", bucket, *parts]:
                name = "/".join(parts)
                self.rows.try_upload(who, "object.sign_upload_url", bucket, name, {}, upsert=upsert)
                more = {"owner": who.get("sub"), "upsert": upsert}
                url = self._link("upload/sign", bucket, name, UPLOAD_LINK_SECONDS, more)
                return reply({"url": url, "token": url.split("token=")[1]})
            case ["DELETE", "object", bucket]:
                gone = self.rows.run(who, "object.delete_many", DELETE, bucket, request.json["prefixes"])
                self.files.drop([row["version"] for row in gone])
                return reply(gone)
            case ["POST" | "PUT", "object", bucket, *parts] if parts:
                operation = "object.upload_update" if request.method == "PUT" else "object.upload"
                upload = Upload(self.rows, self.files, request, self.limit)
                return upload.run(
                    who, operation, bucket, "/".join(parts), upsert=upsert, owner=who.get("sub")
                )
        raise StorageError("request", "Not in the local stand-in of Storage")

    def _read(self, request: Request, modes: list[str], bucket: str, name: str) -> Response:
        try:
            who = self._caller(request)
        except jwt.PyJWTError:  # as on hosted: here a bad token is no token
            who = None
        is_public = self.rows.one("bucket", None, "bucket.get", BUCKETS, bucket)["public"]
        if not is_public and ("public" in modes or not who):
            raise StorageError("bucket")
        reader = None if is_public else who
        row = self.rows.one("object", reader, "object.get_authenticated", FIND, bucket, [name])
        if "info" not in modes:
            return send(self.files, request, row)
        same = {"size": "size", "content_type": "mimetype", "cache_control": "cacheControl", "etag": "eTag"}
        about = {key: row[key] for key in ("id", "name", "version", "bucket_id", "created_at")}
        about |= {key: row["metadata"][kept] for key, kept in same.items()}
        return reply(about | {"metadata": row["user_metadata"], "last_modified": row["updated_at"]})

    def _list(self, request: Request, who: Caller, bucket: str) -> list[dict[str, Any]]:
        query = request.json
        sort = query.get("sortBy") or {}
        page = (
            query.get("limit"),
            query.get("offset"),
            query.get("search"),
            sort.get("column"),
            sort.get("order"),
        )
        return self.rows.run(who, "object.list", SEARCH, query.get("prefix", ""), bucket, *page)

    def _sign_many(self, request: Request, who: Caller, bucket: str) -> list[dict[str, str | None]]:
        names, seconds = request.json["paths"], request.json["expiresIn"]
        seen = {row["name"] for row in self.rows.run(who, "object.sign_many", FIND, bucket, names)}
        missing = "Either the object does not exist or you do not have access to it"
        return [
            {
                "path": name,
                "signedURL": self._link("sign", bucket, name, seconds) if name in seen else None,
                "error": None if name in seen else missing,
            }
            for name in names
        ]

    def _caller(self, request: Request) -> Caller | None:
        """Give the claims of whoever calls: a key's role, a person's token, or None."""
        key, bearer = request.headers.get("apikey", ""), request.headers.get("authorization", "")
        bearer = bearer.removeprefix("Bearer ")
        if role := self.keys.get(bearer or key):
            return {"role": role}
        if not bearer:
            return None
        claims: dict[str, Any] = jwt.decode(bearer, self.secret, ["HS256"], options={"verify_aud": False})
        if claims.get("role") not in ROLES:
            raise jwt.InvalidTokenError("unknown role")
        return claims

    def _link(
        self, kind: str, bucket: str, name: str, seconds: int, more: Mapping[str, object] | None = None
    ) -> str:
        claims = {"aud": f"{kind}/{bucket}/{name}", "exp": int(time.time()) + int(seconds), **(more or {})}
        return f"/object/{kind}/{bucket}/{name}?token={jwt.encode(claims, self.link_secret)}"

    def _link_claims(self, request: Request, kind: str, bucket: str, name: str) -> dict[str, Any]:
        token = request.args.get("token", "")
        return jwt.decode(token, self.link_secret, ["HS256"], audience=f"{kind}/{bucket}/{name}")

// invitation.js: the token of an invitation's link. It stands after the #, which no server sees, and is kept while the
// person signs in.
const KEY = "flow-invitation"

const given = new URLSearchParams(location.hash.slice(1)).get("invitation")
if (given) {
  sessionStorage.setItem(KEY, given)
  history.replaceState(history.state, "", location.pathname + location.search)
}

export const invitation = () => sessionStorage.getItem(KEY)
export const forgetInvitation = () => sessionStorage.removeItem(KEY)

/** The link to send to who is invited. */
export const invitationLink = (token) => `${location.origin}/welcome#invitation=${encodeURIComponent(token)}`

// turns.js: what one person changes of a thing in quick succession: one change after the other, none refused for the one before it.

const ends = new Map() // id → a promise that its newest change has ended
const made = new Map() // "id version" → the version that an own change made of it

/** Asks for a change when the earlier ones of the same thing have ended. ask(version): a promise of {version, …}. That version is the one
 *  which the person saw, or what their own changes have made of it since: somebody else's change in between is refused as ever. */
export function inTurn({ id, version }, ask) {
  const change = (ends.get(id) ?? Promise.resolve()).then(async () => {
    let now = version
    while (made.has(`${id} ${now}`)) now = made.get(`${id} ${now}`)
    const answer = await ask(now)
    if (answer.version === now + 1) made.set(`${id} ${now}`, answer.version)
    return answer
  })
  ends.set(id, change.catch(() => {}))
  return change
}

/** The ids of tasks of several members, and back: the member stands before the id. Pure. [2025-11-25 tasks; SEP-2663] */

/** The ids under which clients see the tasks of the members. */
export interface TaskIds {
  shown(member: string, own: string): string
  /** The member and its id for an id of a client; undefined if it is of no member. */
  find(shown: string): { readonly member: string; readonly own: string } | undefined
}

export function plainTaskIds(member: string): TaskIds {
  return { shown: (_, own) => own, find: (shown) => ({ member, own: shown }) }
}

/** No name of a member has a dot. */
export function memberTaskIds(members: readonly string[]): TaskIds {
  return {
    shown: (member, own) => `${member}.${own}`,
    find(shown) {
      const member = shown.slice(0, Math.max(0, shown.indexOf('.')))
      return members.includes(member) ? { member, own: shown.slice(member.length + 1) } : undefined
    },
  }
}

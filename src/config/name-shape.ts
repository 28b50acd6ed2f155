/**
 * The names of upstreams and endpoints: they are parts of paths, and the first part of the names of tools. A mapping with
 * a prototype cannot have `__proto__` as a name like any other.
 */
export const nameShape: RegExp = /^(?!__proto__$)[A-Za-z0-9_-]{1,64}$/

/** What the configuration needs of the router: how tools are named, whether names collide, and what a view shows. */
export { namesProblems, prefixOf } from './names.ts'
export { idlePatterns } from './tenant-view.ts'
export { membersInView, strayPatterns } from './view.ts'

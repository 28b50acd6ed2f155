/** What the configuration needs of the router: whether names collide, and what a view shows. */
export { namesProblems } from './names.ts'
export { membersInView, strayPatterns } from './view.ts'

/** What the configuration needs of the router: whether names collide, and whether a view shows anything. */
export { namesProblems } from './names.ts'
export { membersInView } from './view.ts'

/** What the configuration needs of the router: whether the names of upstreams and the aliases collide. */
export { namesProblems } from './names.ts'

/** What mcplex says of a machine that is busy otherwise, whatever it serves: in a test it is no complaint. */
import type { LogLine } from './mcplex.ts'

/** Each process that ends is looked for; for some clients one ends with each call. */
const tooBusy = 'it is not known whether a worker left processes: the machine is too busy to look'

/** Whether a line of the log says that the event loop was blocked for a while, or that there was no time to look. */
export const isOfSlowMachine = ({ msg, blockedMs }: LogLine): boolean => blockedMs !== undefined || msg === tooBusy

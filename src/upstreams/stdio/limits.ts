/** The limits of each worker of a server, as numbers. */

export interface WorkerLimits {
  /** In bytes. */
  readonly memory?: number
  /** In percent of one core. */
  readonly cpu?: number
  /** Processes and threads. */
  readonly pids?: number
}

export type LimitName = keyof WorkerLimits

/** The settings of a stdio upstream that they are made of; see there (options.ts). */
export interface WorkerLimitSettings {
  readonly limitMemoryBytes: number
  readonly limitCpu: string | undefined
  readonly limitPids: number
}

/** Only the limits that are set. */
export function limitsOf({ limitMemoryBytes, limitCpu, limitPids }: WorkerLimitSettings): WorkerLimits {
  return {
    ...(limitMemoryBytes > 0 && { memory: limitMemoryBytes }),
    ...(limitCpu !== undefined && { cpu: Number.parseInt(limitCpu, 10) }),
    ...(limitPids > 0 && { pids: limitPids }),
  }
}

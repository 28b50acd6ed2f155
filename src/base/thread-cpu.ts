/** How much of the processor this thread has taken: a thread that waits for the machine takes none. */

/**
 * @returns milliseconds of computing since some moment; of the whole process where Node cannot tell threads apart (before
 *   23.9)
 */
export function threadCpuMs(): number {
  const { user, system } = ofThread() ?? process.cpuUsage()
  return (user + system) / 1000
}

function ofThread(): NodeJS.CpuUsage | undefined {
  const one: NodeJS.Process & { threadCpuUsage?: () => NodeJS.CpuUsage } = process
  return one.threadCpuUsage?.()
}

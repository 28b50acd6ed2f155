/** stdio: each client has a process of its own; each line is a message. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { inTime } from '../../support/eventually.ts'
import type { RpcMessage } from '../../support/rpc.ts'
import type { OnMessage, Wire } from './transport.ts'

const keptLogChars = 4_000

/** @param argv what this Node runs */
export function stdio(argv: readonly string[], onMessage: OnMessage, env: Readonly<Record<string, string>> = {}): Wire {
  const child = spawn(process.execPath, argv, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-keptLogChars)))
  child.stdin.on('error', () => {})
  createInterface({ input: child.stdout }).on('line', (line) => {
    const value = JSON.parse(line) as RpcMessage | RpcMessage[]
    if (Array.isArray(value)) for (const message of value) onMessage(message, JSON.stringify(message))
    else onMessage(value, line)
  })
  const ended = new Promise<number | null>((resolve) => void child.on('close', resolve))
  return {
    resume: undefined,
    send(message) {
      if (child.exitCode !== null) throw new Error(`the process has ended: ${log}`)
      child.stdin.write(`${JSON.stringify(message)}\n`)
      return Promise.resolve({ status: undefined, cut: undefined, lastEventId: () => undefined })
    },
    async close() {
      child.stdin.end()
      const force = setTimeout(() => child.kill('SIGKILL'), 15_000)
      const code = await inTime('the process to end', ended)
      clearTimeout(force)
      if (code !== 0) throw new Error(`the process ended with ${code}: ${log}`)
    },
  }
}

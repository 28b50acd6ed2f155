// Runs one of our own scripts that prints a line of JSON, with everything that it starts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'

const ENDED_WITHIN_MS = 180_000
const KEPT_CHARS = 2_000

/**
 * What the script has printed. Throws when it fails or takes too long. What it has started ends with it.
 * @param {string} node
 * @param {string[]} args  the script, and what it is given
 * @returns {Promise<any>}
 */
export async function runProgram(node, args) {
  // A group of its own, so that what the client has started ends with it.
  const child = spawn(node, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (err = (err + text).slice(-KEPT_CHARS)))
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // All of them are gone.
    }
  }
  const late = setTimeout(end, ENDED_WITHIN_MS)
  try {
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`it ended with ${code ?? 'a signal'}: ${err}`)
    return JSON.parse(out)
  } finally {
    clearTimeout(late)
    end()
  }
}

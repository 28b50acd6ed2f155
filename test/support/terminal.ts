/** A terminal with a shell in it, as a person has: what is typed, what is on the screen, and closing its window. */
import { spawn } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'

export interface Terminal {
  /** Presses keys. */
  type(text: string): void
  /** Types a command and Enter. What was on the screen before is forgotten, the command itself too. */
  run(command: string): Promise<void>
  /** What is on the screen since the last command was typed, as it was sent. */
  screen(): string
  /** Waits until a text is on the screen. */
  shows(text: string | RegExp): Promise<void>
  /** Closes the window. What runs in it is told by a hangup. */
  close(): Promise<void>
}

export interface TerminalOptions {
  readonly columns?: number
  readonly env?: Readonly<Record<string, string>>
}

const prompt = 'prompt> '

/** Opens one for the test that runs, with `bash` and its job control in it. */
export async function openTerminal({ columns = 120, env = {} }: TerminalOptions = {}): Promise<Terminal> {
  const { PATH = '', HOME = '' } = process.env
  const shell = 'exec bash --norc --noprofile --noediting -i'
  // `script` lends its terminal to the shell, and takes it away when it ends.
  const child = spawn('script', ['-qfc', `stty cols ${columns}; ${shell}`, '/dev/null'], {
    env: { PATH, HOME, TERM: 'xterm', PS1: prompt, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (screen += text))
  child.stdin.on('error', () => {})
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
  }
  onTestFinished(close)
  const shows = async (text: string | RegExp): Promise<void> => {
    const isThere = (): boolean => (typeof text === 'string' ? screen.includes(text) : text.test(screen))
    await eventually(`${text} on the screen`, isThere).catch((error: unknown) => {
      throw new Error(`${String(error)}; there was:\n${screen}`)
    })
  }
  await shows(prompt)
  return {
    type: (text) => void child.stdin.write(text),
    async run(command) {
      // What is typed while the shell takes its terminal back is lost.
      await shows(prompt)
      screen = ''
      // The end of the line is echoed only once it was read, so the echo can be told from what follows.
      child.stdin.write(`${command}\r`)
      await shows('\n')
      screen = screen.slice(screen.indexOf('\n') + 1)
    },
    screen: () => screen,
    shows,
    close,
  }
}

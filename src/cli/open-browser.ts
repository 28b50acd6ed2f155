/** Opens a page in the browser of the person at this machine. */
import { spawn } from 'node:child_process'

type Env = Readonly<Record<string, string | undefined>>

/** Whether there is a screen on which a browser could open. */
export function hasScreen(env: Env, platform: NodeJS.Platform = process.platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true
  return [env['DISPLAY'], env['WAYLAND_DISPLAY'], env['BROWSER'], env['WSL_DISTRO_NAME']].some(
    (value) => value !== undefined && value !== '',
  )
}

/**
 * Starts the program that opens pages, and leaves it to itself. What it writes is not shown: stdout is the protocol.
 * @returns whether it could be started
 */
export function openBrowser(url: URL, env: Env): Promise<boolean> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return Promise.resolve(false)
  const [program, ...args] = openerOf(process.platform)
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url.href], { stdio: 'ignore', detached: true, env })
    child.once('error', () => resolve(false))
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}

function openerOf(platform: NodeJS.Platform): readonly [string, ...string[]] {
  if (platform === 'darwin') return ['open']
  // `start` is a word of the shell, which would read the URL as its own.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  return ['xdg-open']
}

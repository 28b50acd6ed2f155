import { expect, test } from 'vitest'
import { CommandFailed } from '../../failures.ts'
import { openSocket } from './open-socket.ts'

test.each(['EADDRINUSE', 'EEXIST', 'ENOENT', 'EACCES', 'ENAMETOOLONG', 'EINVAL'])(
  'a socket that cannot be opened (%s) is a failure that names it and says what to do',
  async (code) => {
    const fails = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code }))
    const error: unknown = await openSocket('/run/mcp.sock', '--socket /run/mcp.sock', fails).catch(
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(CommandFailed)
    if (!(error instanceof CommandFailed)) return
    expect(error.exit).toBe(1)
    expect(error.failures[0]?.message).toContain('/run/mcp.sock')
    expect(error.failures[0]?.notes[0]?.[0]).toBe('try')
  },
)

test('an error of a bug is not reported as a failure of the socket', async () => {
  const bug = new Error('bug')
  await expect(openSocket('/run/mcp.sock', undefined, () => Promise.reject(bug))).rejects.toBe(bug)
})

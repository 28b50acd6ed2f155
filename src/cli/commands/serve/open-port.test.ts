import { expect, test } from 'vitest'
import { CommandFailed, type Failure } from '../../failures.ts'
import { openPort, type Wanted } from './open-port.ts'

const wanted: Wanted = {
  host: '127.0.0.1',
  port: 8080,
  quote: undefined,
  mayChoose: true,
  lineWith: (port) => `mcplex serve --port ${port} -- x`,
}

/** Opens any port but those in use; returns its number. */
function without(...taken: number[]): (port: number) => Promise<number> {
  return async (port) => {
    if (taken.includes(port)) throw Object.assign(new Error('taken'), { code: 'EADDRINUSE' })
    return port
  }
}

async function failureOf(opening: Promise<unknown>): Promise<Failure | undefined> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof CommandFailed ? error.failures[0] : undefined
}

test('with a user watching, the next free port is used', async () => {
  expect(await openPort(wanted, without(8080, 8081))).toBe(8082)
})

test('without a user, a port in use is a failure with remedies', async () => {
  const failure = await failureOf(openPort({ ...wanted, mayChoose: false, quote: 'PORT=8080' }, without(8080)))
  expect(failure).toMatchObject({ code: 'port_in_use', message: 'port 8080 of 127.0.0.1 is in use (PORT=8080)' })
  expect(failure?.notes[0]?.[1]).toBe('mcplex serve --port 8081 -- x')
})

test('the search for a free port ends', async () => {
  let tried = 0
  const none = async (): Promise<never> => {
    tried++
    throw Object.assign(new Error('taken'), { code: 'EADDRINUSE' })
  }
  expect(await failureOf(openPort(wanted, none))).toMatchObject({ code: 'port_in_use' })
  expect(tried).toBe(21)
})

test('the search for a free port stays below the last one', async () => {
  const failure = await failureOf(openPort({ ...wanted, port: 65_535 }, without(65_535)))
  expect(failure).toMatchObject({ code: 'port_in_use' })
  expect(failure?.notes[0]?.[1]).toContain('--port 65534')
})

test.each(['EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND'])('%s is a failure with a remedy', async (code) => {
  const failure = await failureOf(openPort(wanted, () => Promise.reject(Object.assign(new Error('no'), { code }))))
  expect(failure?.code).toBe('listen_failed')
  expect(failure?.notes.length).toBeGreaterThan(0)
})

test('an error of a bug is not reported as a failure of the port', async () => {
  await expect(openPort(wanted, () => Promise.reject(new TypeError('bug')))).rejects.toThrow(TypeError)
})

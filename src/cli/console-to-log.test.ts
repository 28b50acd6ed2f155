import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { SecretValues } from '../base/secret-values.ts'
import { consoleToLog } from './console-to-log.ts'
import { createLog } from './log.ts'

test('what a package writes to the console is logged without secrets, and nothing reaches stdout', () => {
  const [written, lines]: [string[], string[]] = [[], []]
  const stream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      done()
    },
  })
  const secrets = new SecretValues(['a-very-secret-token'])
  const own = new Console(stream, stream)
  const log = createLog('debug', { write: (text: string) => void lines.push(secrets.mask(text)) })
  const giveBack = consoleToLog(log, own)
  own.warn('the token %s is odd', 'a-very-secret-token', { more: 1 })
  own.error(new Error('broken'))
  own.log('a'.repeat(200_000))
  own.dir({ from: 'dir' })
  expect(written).toEqual([])
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'warn', msg: 'a package wrote to the console', line: 'the token *** is odd { more: 1 }' },
    { level: 'warn', line: expect.stringContaining('broken') as string },
    { level: 'debug' },
    { level: 'debug', line: "{ from: 'dir' }" },
  ])
  expect(lines.join('').length).toBeLessThan(100_000)
  giveBack()
  own.log('again')
  expect(written).toEqual(['again\n'])
})

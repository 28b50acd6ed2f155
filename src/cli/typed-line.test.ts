import { expect, test } from 'vitest'
import { lineWith } from './typed-line.ts'

const port = { long: 'port', short: 'p' }

test.each([
  [['serve', '--', 'npx', 'x'], 'mcplex serve --port 8081 -- npx x'],
  [['serve', 'npx', 'x'], 'mcplex serve --port 8081 npx x'],
  [['serve', '--port', '80', '-q', '--', 'npx', 'x'], 'mcplex serve --port 8081 -q -- npx x'],
  [['serve', '--port=80', '--', 'npx', 'x'], 'mcplex serve --port 8081 -- npx x'],
  [['serve', '-p', '80', '--', 'npx', 'x'], 'mcplex serve --port 8081 -- npx x'],
  [['serve', '-p80', '--pool', '2', '--', 'npx', 'x'], 'mcplex serve --port 8081 --pool 2 -- npx x'],
])('%j', (typed, line) => {
  expect(lineWith(typed, 2, port, '8081')).toBe(line)
})

test('words of the server do not change', () => {
  const typed = ['serve', '--', 'x', '--port', '1', '-p', 'a b']
  expect(lineWith(typed, 5, port, '8081')).toBe("mcplex serve --port 8081 -- x --port 1 -p 'a b'")
})

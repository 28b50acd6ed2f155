import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskCommand } from './mask-command.ts'

test.each<readonly [what: string, words: readonly string[], shown: readonly string[]]>([
  ['the value of a flag', ['srv', '--token', 'abc', '--port', '80'], ['srv', '--token', '***', '--port', '80']],
  ['a value behind =', ['srv', '--api-key=xyz'], ['srv', '--api-key=***']],
  ['an empty value', ['srv', '--api-key='], ['srv', '--api-key=']],
  ['a value that looks like a short flag', ['srv', '--password', '-x1'], ['srv', '--password', '***']],
  ['a flag without its value', ['srv', '--token', '--verbose'], ['srv', '--token', '--verbose']],
  ['one dash', ['srv', '-apikey', 'k'], ['srv', '-apikey', '***']],
  ['another spelling', ['srv', '--apiKey', 'k', '--accessToken=t'], ['srv', '--apiKey', '***', '--accessToken=***']],
  ['an underscore', ['srv', '--client_secret', 'k'], ['srv', '--client_secret', '***']],
  ['a name in capitals', ['srv', '--API_KEY', 'k'], ['srv', '--API_KEY', '***']],
  ['a variable', ['env', 'GITHUB_TOKEN=abc', 'HOME=/root', 'srv'], ['env', 'GITHUB_TOKEN=***', 'HOME=/root', 'srv']],
  ['a variable for docker', ['docker', '-e', 'DB_PASSWORD=abc'], ['docker', '-e', 'DB_PASSWORD=***']],
  ['the same behind =', ['docker', '--env=DB_PASSWORD=abc'], ['docker', '--env=DB_PASSWORD=***']],
  ['a value of several lines', ['srv', '--key=-----BEGIN\nabc\n-----'], ['srv', '--key=***']],
  ['a header', ['curl', '-H', 'Authorization: Bearer abc'], ['curl', '-H', 'Authorization: ***']],
  ['any header', ['srv', '--header', 'X-Acme: abc'], ['srv', '--header', 'X-Acme: ***']],
  ['a header without a space', ['srv', '--header', 'Authorization:abc'], ['srv', '--header', 'Authorization:***']],
  ['a header behind =', ['srv', '--header=X-Acme: abc'], ['srv', '--header=X-Acme: ***']],
  ['an open header', ['srv', '-H', 'Accept: text/plain'], ['srv', '-H', 'Accept: text/plain']],
  ['a header without a flag', ['srv', 'X-Api-Key: abc'], ['srv', 'X-Api-Key: ***']],
  ['user and password', ['curl', '-u', 'me:abc'], ['curl', '-u', 'me:***']],
  ['another -u', ['python', '-u', 'server.py'], ['python', '-u', 'server.py']],
  ['a URL with a password', ['srv', 'postgres://me:abc@db/x'], ['srv', 'postgres://***@db/x']],
  ['with signs in it', ['srv', 'postgres://me:a/b#c@db/x'], ['srv', 'postgres://***@db/x']],
  ['without a user', ['srv', 'redis://:abc@db:6379'], ['srv', 'redis://***@db:6379']],
  ['with a token for a user', ['srv', 'https://abc@host/'], ['srv', 'https://***@host/']],
  ['in the value of a flag', ['srv', '--db=postgres://me:abc@db/x'], ['srv', '--db=postgres://***@db/x']],
  ['a query parameter', ['srv', 'https://h/mcp?a=1&api_key=abc&b=2'], ['srv', 'https://h/mcp?a=1&api_key=***&b=2']],
  ['the first one', ['srv', 'https://h/mcp?key=abc'], ['srv', 'https://h/mcp?key=***']],
  ['a fragment', ['srv', 'https://h/#access_token=abc'], ['srv', 'https://h/#access_token=***']],
  ['JSON', ['srv', '{"apiKey": "a\\"bc", "port": "80"}'], ['srv', '{"apiKey": "***", "port": "80"}']],
  ['a command in one word', ['sh', '-c', 'srv --token abc --port 80'], ['sh', '-c', 'srv --token *** --port 80']],
  ['a variable in it', ['sh', '-c', 'exec env API_KEY=abc srv'], ['sh', '-c', 'exec env API_KEY=*** srv']],
  ['a header in it', ['sh', '-c', 'srv -H "X-Api-Key: abc"'], ['sh', '-c', 'srv -H "X-Api-Key: ***']],
  ['a known form', ['srv', 'ghp_0123456789abcdefghij0123'], ['srv', '***']],
  ['another', ['srv', 'sk-proj-0123456789abcdef'], ['srv', '***']],
])('masks %s', (_, words, shown) => {
  expect(maskCommand(words)).toEqual(shown)
})

test.each([
  [['npx', '-y', '@modelcontextprotocol/server-filesystem@2025.1.1', '/home/me']],
  [['srv', '--key-file', '/etc/key.pem', '--max-tokens', '100', '--no-auth', 'x']],
  [['node', 'C:\\srv.js', '--url', 'https://host:8443/mcp?page=2', '--keyboard', 'de']],
  [['mcplex', 'serve', '--tls-key', '/etc/my.key', '--tls-cert=/etc/my.pem']],
  [['srv', '--public-key', 'abc', '--token-limit=5', '--monkey', 'see']],
])('leaves %j as it is', (words) => {
  expect(maskCommand(words)).toEqual(words)
})

test('the value of a name that means a secret is never shown', () => {
  const secret = 'S3CR3T'
  const place = fc.constantFrom<(secret: string) => string[]>(
    (text) => ['--token', text],
    (text) => [`--password=${text}`],
    (text) => ['-H', `Authorization: ${text}`],
    (text) => [`https://u:${text}@h/`],
    (text) => [`https://h/?token=${text}`],
    (text) => [`ACME_SECRET=${text}`],
  )
  const safe = fc.stringMatching(/^[a-z0-9]{0,5}$/)
  fc.assert(
    fc.property(fc.array(safe), place, safe, safe, (before, put, left, right) => {
      const shown = maskCommand(['srv', ...before, ...put(left + secret + right), 'end'])
      expect(shown.join(' ')).not.toContain(secret)
      expect(shown.at(-1)).toBe('end')
    }),
  )
})

test('masking long words stays fast', () => {
  const startedMs = performance.now()
  for (const part of ['a:', '://', '"a":"', '-', '?a=', 'sk-', 'eyJa.', ' ', 'Bearer '])
    maskCommand(['srv', part.repeat(20_000)])
  expect(performance.now() - startedMs).toBeLessThan(10_000)
})

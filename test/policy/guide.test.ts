/** docs/policy.md, walked: the webhook of the example and the file of the guide, as two programs. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { inTime } from '../support/eventually.ts'
import { echoLegacy, mcplexForTest } from '../support/mcplex.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const root = join(import.meta.dirname, '..', '..')
const secret = { POLICY_SECRET: 'a-secret-of-the-policy-webhook' }

test('the webhook of the guide refuses what deletes, and nobody else can ask it', async () => {
  const guide = readFileSync(join(root, 'docs', 'policy.md'), 'utf8')
  const example = readFileSync(join(root, 'examples', 'policy-webhook.mjs'), 'utf8')
  expect(example).toContain(/```js\n(function decide[^]*?)```/.exec(guide)?.[1])
  const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(guide) ?? []

  const webhook = spawn(process.execPath, [join(root, 'examples', 'policy-webhook.mjs')], {
    env: { ...secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void webhook.kill('SIGKILL'))
  const url = await inTime(
    'the webhook',
    new Promise<string>((resolve) => createInterface(webhook.stdout).once('line', resolve)),
  )
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-policy-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'mcplex.yaml')
  // The server of the guide has no tool that echoes.
  const server = JSON.stringify([process.execPath, echoLegacy])
  writeFileSync(file, yaml.replace('http://127.0.0.1:9090/', url).replace(/command: .*/, `command: ${server}`))
  const mcplex = await mcplexForTest({ file, env: secret })

  const session = await openSession(mcplex.url)
  expect(await session.text('echo', { text: 'hello' })).toBe('hello')
  const refused = await session.response('delete_entities', { entityNames: ['Ann'] })
  expect(refused.error).toMatchObject({
    code: -32603,
    message: 'delete_entities is not for agents.',
    data: { reason: 'policy_refused', executed: false },
  })
  for (const signature of ['v1,x', `v1,${'x'.repeat(44)}`, `v1,\u00e9${'x'.repeat(43)}`]) {
    const forged = { 'webhook-id': 'x', 'webhook-timestamp': String(Date.now() / 1000), 'webhook-signature': signature }
    expect((await fetch(url, { method: 'POST', headers: forged, body: '{}' })).status).toBe(401)
  }
  expect(await session.text('echo', { text: 'still there' })).toBe('still there')

  webhook.kill('SIGKILL')
  expect(reasonOf(await session.response('echo', { text: 'hello' }))).toBe('policy_unavailable')
  expect(JSON.stringify(mcplex.log)).not.toContain(secret.POLICY_SECRET)
})

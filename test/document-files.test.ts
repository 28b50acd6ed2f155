/** The configuration files that documents show: `mcplex check` finds nothing wrong with any of them. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import { afterEach, expect, test } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..')
const main = join(root, 'dist', 'cli', 'main.js')
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const documents = ['README.md', ...readdirSync(join(root, 'docs')).flatMap((name) => `docs/${name}`)].filter((path) =>
  path.endsWith('.md'),
)

/** The blocks of YAML that are whole files: they have upstreams. */
const files = documents.flatMap((path) => {
  const blocks = readFileSync(join(root, path), 'utf8').matchAll(/^```yaml\n([^]*?)^```$/gm)
  return [...blocks].flatMap(([, text = '']) => (/^upstreams:/m.test(text) ? [[path, text] as const] : []))
})

test('documents show files with servers, and one has every kind of server and endpoint', () => {
  expect(files.length).toBeGreaterThanOrEqual(4)
  const whole = files.find(([path]) => path === 'docs/configuration.md')?.[1] ?? ''
  for (const name of [
    'command:',
    'module:',
    'isolate:',
    'cacheScope:',
    'endpoints:',
    'aliases:',
    'onChange:',
    'protocol:',
  ])
    expect(whole).toContain(name)
})

test.each(files)('the file in %s is right', (_path, text) => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-document-'))
  folders.push(folder)
  writeFileSync(join(folder, 'mcplex.yaml'), text)
  writeFileSync(join(folder, 'tools.mjs'), 'export default function createServer() {}\n')
  // A program that this machine may lack.
  writeFileSync(join(folder, 'uvx'), '#!/bin/sh\n', { mode: 0o755 })
  const secrets = {
    PROXY_SECRET: 'a-secret-of-the-proxy',
    CLIENT_SECRET: 'a-secret-of-the-client',
    POLICY_SECRET: 'a-secret-of-the-policy-webhook',
  }
  const env = { PATH: `${process.env['PATH']}:${folder}`, HOME: folder, GITHUB_TOKEN: 'x', CRM_TOKEN: 'x', ...secrets }
  const { status, stderr } = spawnSync(process.execPath, [main, 'check'], { cwd: folder, env, encoding: 'utf8' })
  expect(stderr).toMatch(/^mcplex\.yaml: \d+ upstreams? \(.*\), .*no problems\n/)
  expect(stderr).not.toContain('warning')
  expect(status).toBe(0)
})

const schema = new AjvJsonSchemaValidator().getValidator(JSON.parse(readFileSync(join(root, 'schema.json'), 'utf8')))
const examples = readdirSync(join(root, 'examples')).filter((name) => name.endsWith('.yaml'))

test.each([...files, ...examples.map((name) => [name, readFileSync(join(root, 'examples', name), 'utf8')] as const)])(
  'an editor with the schema marks nothing in the file in %s',
  (_path, text) => {
    expect(schema(parse(text))).toMatchObject({ valid: true })
  },
)

/** The schema for editors: what the reader of files accepts must not be marked as wrong, and a misspelt key must be. */
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { exampleFile } from '../file-document.ts'
import { fileSchema } from './json-schema.ts'

const validate = new AjvJsonSchemaValidator().getValidator(JSON.parse(JSON.stringify(fileSchema())))
const check = (text: string): unknown => validate(parse(text))

test.each([
  exampleFile,
  'version: 1',
  'version: "1"',
  'upstreams: { a: { command: [npx, 8080, true] } }',
  'upstreams: { a: { command: node, args: [server.mjs, 8080, true] } }',
  'upstreams: { a: { command: node, args: { org: 1, list: [1] }, env: { PORT: 8080, DEBUG: true } } }',
  'listen: { allowHosts: [a.example, 10], port: "${PORT}" }',
])('accepts what runs: file %#', (text) => {
  expect(check(text)).toMatchObject({ valid: true })
})

test.each([
  'version: 2',
  'version: "2"',
  'upstrems: {}',
  'upstreams: { a: { comand: x } }',
  'limits: { idleTimeout: [] }',
])('refuses what is wrong: %s', (text) => {
  expect(check(text)).toMatchObject({ valid: false })
})

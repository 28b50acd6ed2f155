// The clients that people run, as the field tries them: each is a folder of `clients/`, with its package in one version.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/**
 * @typedef {object} Known
 * @property {string} title
 * @property {string} package
 * @property {string} kind         how it comes to a person, and how it connects
 * @property {number} atOnce       how many of it are tried at once
 * @property {string} [alone]      why there are none of it at once, where there are none
 * @property {boolean} [asksStateless]  whether it asks for the stateless revision first
 * @property {boolean} [isSlow]    whether it is tried by `npm run field` alone, not in CI
 * @property {string} [node]       the major version that it needs, if not that of the others
 */

/** @type {Readonly<Record<string, Known>>} */
const known = {
  'ai-sdk': {
    title: 'AI SDK',
    package: '@ai-sdk/mcp',
    kind: 'library, Streamable HTTP',
    atOnce: 20,
    asksStateless: true,
  },
  'claude-code': {
    title: 'Claude Code',
    package: '@anthropic-ai/claude-code',
    kind: 'program with a model of ours, Streamable HTTP',
    atOnce: 3,
    asksStateless: true,
  },
  codex: {
    title: 'Codex',
    package: '@openai/codex',
    kind: 'program with a model of ours, Streamable HTTP',
    atOnce: 3,
    isSlow: true,
  },
  'gemini-cli': {
    title: 'Gemini CLI',
    package: '@google/gemini-cli',
    kind: 'program with a model of ours, Streamable HTTP',
    atOnce: 0,
    alone: 'not tried, because it takes the first page of the tools alone, and that server has two',
    isSlow: true,
  },
  inspector: {
    title: 'Inspector CLI',
    package: '@modelcontextprotocol/inspector',
    kind: 'program for each call, Streamable HTTP',
    atOnce: 0,
    alone: 'not tried, because each call is a session of its own',
    isSlow: true,
  },
  langchain: {
    title: 'LangChain',
    package: '@langchain/mcp-adapters',
    kind: 'library, Streamable HTTP',
    atOnce: 20,
    isSlow: true,
  },
  mastra: {
    title: 'Mastra',
    package: '@mastra/mcp',
    kind: 'library, Streamable HTTP',
    atOnce: 20,
    asksStateless: true,
  },
  'mcp-remote': {
    title: 'mcp-remote',
    package: 'mcp-remote',
    kind: 'bridge from stdio, with a client of the official SDK, Streamable HTTP',
    atOnce: 5,
    isSlow: true,
  },
  mcporter: {
    title: 'mcporter',
    package: 'mcporter',
    kind: 'library, Streamable HTTP',
    atOnce: 20,
    isSlow: true,
    node: '24',
  },
  'openai-agents': {
    title: 'OpenAI Agents SDK',
    package: '@openai/agents',
    kind: 'library, Streamable HTTP',
    atOnce: 20,
    asksStateless: true,
  },
  sdk: {
    title: 'the official SDK',
    package: '@modelcontextprotocol/client',
    kind: 'library that finds out the era, Streamable HTTP',
    atOnce: 20,
    asksStateless: true,
  },
}

/** The clients by name, in alphabetical order. */
export const clients = Object.keys(known)

/**
 * What is known of a client, with its version. Throws if there is no client of that name.
 * @param {string} name
 * @returns {Known & { version: string }}
 */
export function clientOf(name) {
  const client = known[name]
  if (client === undefined) throw new Error(`no client named ${name}; there are ${clients.join(', ')}`)
  const own = join(import.meta.dirname, 'clients', name, 'package.json')
  const manifest = JSON.parse(readFileSync(existsSync(own) ? own : join(root, 'package.json'), 'utf8'))
  return { ...client, version: { ...manifest.devDependencies, ...manifest.dependencies }[client.package] }
}

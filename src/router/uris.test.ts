/** Tests that URIs and ids of tasks of several members are found back, whatever they are. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memberTaskIds, plainTaskIds } from './task-ids.ts'
import { memberUris, plainUris } from './uris.ts'

const members = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), { minLength: 1, maxLength: 5 })
const uri = fc.oneof(
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.string(),
  fc.constantFrom('ui://a/b', 'ui://', 'skill://pdf/SKILL.md', 'UI://x', 'mcplex://a/b', 'urn:x', 'file:///{path}'),
  fc.tuple(fc.constantFrom('ui://', 'skill://', 'file://', 'mcplex://'), fc.string()).map((parts) => parts.join('')),
)

test('a URI leads back to its member and its own URI', () => {
  fc.assert(
    fc.property(members, uri, fc.nat(), (names, own, at) => {
      const member = names[at % names.length] ?? ''
      const uris = memberUris(names)
      expect(uris.find(uris.shown(member, own))).toEqual({ member, own })
    }),
  )
})

test.each([
  ['file:///a/{name}', 'mcplex://git/file:///a/{name}'],
  ['ui://weather/card.html', 'ui://git/weather/card.html'],
  ['skill://pdf/SKILL.md', 'skill://git/pdf/SKILL.md'],
  ['https://example.com/x?y#z', 'mcplex://git/https://example.com/x?y#z'],
])('%s is shown as %s', (own, shown) => {
  expect(memberUris(['git']).shown('git', own)).toBe(shown)
})

test('a URI keeps its meaning when a library parses and prints it', () => {
  const uris = memberUris(['Git_Hub-1', 'other'])
  for (const own of [
    'file:///a/b',
    'ui://card/x.html',
    'skill://pdf/SKILL.md',
    'echo://nonce',
    'https://e.org/a?b=c',
  ]) {
    expect(uris.find(new URL(uris.shown('Git_Hub-1', own)).href)).toEqual({ member: 'Git_Hub-1', own })
  }
  expect(uris.find('ui://git_hub-1/card')).toEqual({ member: 'Git_Hub-1', own: 'ui://card' })
})

test('a URI of no member is not found', () => {
  const uris = memberUris(['a', 'A'])
  for (const shown of ['file:///a', 'ui://b/x', 'ui://a', 'mcplex://b/x', 'echo://a/b', 'mcplex:/a/b', ''])
    expect(uris.find(shown)).toBeUndefined()
})

test('a single upstream keeps its URIs and ids', () => {
  fc.assert(
    fc.property(uri, (own) => {
      for (const plain of [plainUris('only'), plainTaskIds('only')]) {
        expect(plain.shown('only', own)).toBe(own)
        expect(plain.find(own)).toEqual({ member: 'only', own })
      }
    }),
  )
})

test('the id of a task leads back to its member and its own id', () => {
  fc.assert(
    fc.property(members, fc.string(), fc.nat(), (names, own, at) => {
      const member = names[at % names.length] ?? ''
      const tasks = memberTaskIds(names)
      expect(tasks.find(tasks.shown(member, own))).toEqual({ member, own })
      expect(tasks.find(own.replaceAll('.', ''))).toBeUndefined()
    }),
  )
})

/** At which upstream the calls of a tenant are. */
import { expect, test } from 'vitest'
import { isAt, type TenantSetups } from './tenant-setups.ts'

const settings = {
  upstreams: { github: { kind: 'stdio' }, files: { kind: 'stdio' } },
  tenants: { acme: { env: { github: { TOKEN: 'x' } }, args: {} }, other: { env: {}, args: {} } },
} as unknown as TenantSetups

test.each<[string | undefined, readonly string[]]>([
  // At capacity of the upstream of all others, calls of this tenant that wait at its own one are left alone.
  ['acme', ['files', 'github@acme']],
  ['other', ['github', 'files']],
  ['constructor', ['github', 'files']],
  [undefined, ['github', 'files']],
])('the calls of %s are at %j', (ofTenant, expected) => {
  const keys = ['github', 'files', 'github@acme', 'files@acme', 'github@other']
  expect(keys.filter((key) => isAt(key, { members: ['github', 'files'], ofTenant }, settings))).toEqual(expected)
  expect(isAt('files', { members: ['github'], ofTenant }, settings)).toBe(false)
})

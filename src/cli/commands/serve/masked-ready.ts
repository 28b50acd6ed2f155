/**
 * What is said once requests are served, without values that no output shows. Only texts are masked that come from a
 * server, or that may hold a value put in for `${NAME}`: an address must stay as it is, even if it looks like such a value.
 */
import type { SecretValues } from '../../../base/secret-values.ts'
import type { Ready } from './ready.ts'

export function withoutSecrets(ready: Ready, secretValues: SecretValues): Ready {
  const mask = (text: string): string => secretValues.mask(text)
  const masked = (text: string | undefined): string | undefined => (text === undefined ? undefined : mask(text))
  const { server, upstreams, settings } = ready
  return {
    ...ready,
    server: { ...server, name: mask(server.name), version: masked(server.version) },
    upstreams: mapValues(upstreams, (one) => ({
      ...one,
      serverName: masked(one.serverName),
      serverVersion: masked(one.serverVersion),
    })),
    settings: {
      ...settings,
      endpoints: mapValues(settings.endpoints, ({ tools }) => ({ tools: tools.map(mask) })),
    },
  }
}

function mapValues<From, To>(all: Readonly<Record<string, From>>, map: (one: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(all).map(([name, one]) => [name, map(one)]))
}

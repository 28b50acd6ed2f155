/**
 * Which peers are trusted to say who is calling: addresses and networks, `loopback` for this machine, `unix` for whoever may
 * connect to the Unix socket at which mcplex listens.
 */
import { BlockList, isIP } from 'node:net'
import { unixPeer } from '../protocol/inbound.ts'

/** Answers that are remembered, by address; each costs a look at all networks. */
const mostRemembered = 256

interface Network {
  readonly address: string
  readonly bits: number
}

const loopback: readonly Network[] = [
  { address: '127.0.0.0', bits: 8 },
  { address: '::1', bits: 128 },
]

/** Whether a text is `loopback`, `unix`, an IP address, or a network such as `10.0.0.0/8`. */
export function isPeer(text: string): boolean {
  return text === unixPeer || networksOf(text).length > 0
}

/** Whether a text is a network of all addresses, or of all of IPv4. */
export function isAnyAddress(text: string): boolean {
  return networksOf(text).some(({ address, bits }) => bits === 0 || (isIP(address) === 6 && hasAllOfIpv4(text)))
}

/** Whether a network of IPv6 has the addresses of IPv4 in it, which are mapped into one network of it. */
function hasAllOfIpv4(text: string): boolean {
  const peers = new TrustedPeers([text])
  return peers.has('0.0.0.0') && peers.has('255.255.255.255')
}

export class TrustedPeers {
  readonly #networks = new BlockList()
  readonly #trustsUnix: boolean
  readonly #known = new Map<string, boolean>()

  /** @param peers texts that `isPeer` accepts; others are nobody */
  constructor(peers: readonly string[]) {
    this.#trustsUnix = peers.includes(unixPeer)
    for (const { address, bits } of peers.flatMap(networksOf))
      this.#networks.addSubnet(address, bits, familyOf(address))
  }

  /** @param address as `Inbound.remoteAddress` has it; an unknown peer is not trusted */
  has(address: string | undefined): boolean {
    if (address === undefined) return false
    if (address === unixPeer) return this.#trustsUnix
    const known = this.#known.get(address)
    if (known !== undefined) return known
    const found = this.#isInNetworks(address)
    if (this.#known.size < mostRemembered) this.#known.set(address, found)
    return found
  }

  #isInNetworks(address: string): boolean {
    // An IPv4 peer of an IPv6 socket, and the zone of a link-local address, which is a matter of this machine.
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
    return isIP(plain) !== 0 && this.#networks.check(plain, familyOf(plain))
  }
}

/** None if the text is something else. */
function networksOf(text: string): readonly Network[] {
  if (text === 'loopback') return loopback
  const [, address = '', length] = /^([0-9A-Fa-f:.]{2,45})(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  const bits = length === undefined ? most : Number(length)
  if (most < 0 || bits > most) return []
  const mapped = most === 128 && bits >= mappedBits ? mappedIn(address) : undefined
  return [mapped === undefined ? { address, bits } : { address: mapped, bits: bits - mappedBits }]
}

/** The bits of an IPv6 address in front of the IPv4 address that is mapped into it. */
const mappedBits = 96

/** The IPv4 address that an IPv6 address stands for; undefined if it is another one. [RFC 4291, 2.5.5.2] */
function mappedIn(address: string): string | undefined {
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) ?? []
  if (high === undefined || low === undefined) return undefined
  return [high, low].flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 255]).join('.')
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

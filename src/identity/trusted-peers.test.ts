import { expect, test } from 'vitest'
import { isAnyAddress, isPeer, TrustedPeers } from './trusted-peers.ts'

test.each([
  ['10.0.0.7', true],
  ['10.0.0.0/8', true],
  ['fd00::/8', true],
  ['::1', true],
  ['loopback', true],
  ['unix', true],
  ['10.0.0.0/33', false],
  ['fd00::/129', false],
  ['10.0.0', false],
  ['10.0.0.7/', false],
  ['proxy.example.com', false],
  ['', false],
  ['*', false],
])('%j is a peer that can be trusted: %j', (text, is) => {
  expect(isPeer(text)).toBe(is)
})

test('a network of all addresses is one of anybody', () => {
  expect(['0.0.0.0/0', '::/0', '10.0.0.0/8', 'loopback', 'unix'].map(isAnyAddress)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})

test('peers are told apart by address, in every spelling of it', () => {
  const peers = new TrustedPeers(['10.1.0.0/16', '192.0.2.7', 'fe80::/10', 'not a peer'])
  const trusted = ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', 'fe80::1%eth0', '10.1.2.3']
  const strange = ['10.2.0.1', '192.0.2.8', '127.0.0.1', '::1', '2001:db8::1', 'unix', 'x', '', undefined]
  expect(trusted.filter((one) => !peers.has(one))).toEqual([])
  expect(strange.filter((one) => peers.has(one))).toEqual([])
})

test('networks of IPv4 in the form of IPv6 are those of IPv4', () => {
  const trusts = (network: string, address: string): boolean => new TrustedPeers([network]).has(address)
  for (const network of ['::ffff:10.0.0.0/104', '::ffff:a00:0/104', '0:0:0:0:0:FFFF:10.0.0.0/104', '::ffff:10.1.2.3']) {
    expect(isPeer(network)).toBe(true)
    const found = ['10.1.2.3', '::ffff:10.1.2.3', '11.1.2.3', '::1'].map((address) => trusts(network, address))
    expect(found, network).toEqual([true, true, false, false])
  }
  const all = ['::ffff:0:0/96', '::ffff:0.0.0.0/90', '::/64', '::ffff:10.0.0.0/104', '::1:0:0/96', '::1', '0.0.0.0/1']
  expect(all.filter(isAnyAddress)).toEqual(['::ffff:0:0/96', '::ffff:0.0.0.0/90', '::/64'])
})

test('loopback is this machine, and unix a Unix socket alone', () => {
  const [loopback, unix] = [new TrustedPeers(['loopback']), new TrustedPeers(['unix'])]
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'unix'].map((one) => loopback.has(one))).toEqual([
    true,
    true,
    true,
    true,
    false,
  ])
  expect(['127.0.0.1', 'unix', undefined].map((one) => unix.has(one))).toEqual([false, true, false])
})

test('more peers than are remembered are told apart as well', () => {
  const peers = new TrustedPeers(['10.0.0.0/8'])
  for (let at = 0; at < 600; at++) expect(peers.has(`11.0.${at >> 8}.${at & 255}`)).toBe(false)
  expect([peers.has('10.9.9.9'), peers.has('10.9.9.9'), peers.has('11.0.0.1')]).toEqual([true, true, false])
})

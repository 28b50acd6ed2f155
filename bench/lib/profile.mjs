// Reads the V8 CPU profiles that a server left (`node --cpu-prof`) and says where its time went:
// per kind of code, self time per function, and time under each of our own functions. So that a missed goal is explained by a profile.

import { readdirSync, readFileSync } from 'node:fs'

const kindOf = ({ functionName, url }) => {
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === '(program)') return 'native code and system calls'
  if (url.startsWith('node:')) return 'node'
  if (url.includes('/node_modules/')) return 'dependencies'
  if (url.startsWith('file:')) return 'own code'
  return 'V8 built-ins'
}

const placeOf = ({ functionName, url, lineNumber }) => {
  const file = url === '' ? '' : ` ${url.replace(/^.*\/(?=dist\/|bench\/|node_modules\/)/, '')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${file}`
}

function add(sums, key, value) {
  sums.set(key, (sums.get(key) ?? 0) + value)
}

/** Adds to `totals` the time under each of our own functions, once per sample however deep it recurses. */
function addTotals(nodes, selfOf, totals) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const children = new Set(nodes.flatMap((node) => node.children ?? []))
  const walk = (node, above) => {
    const { callFrame } = node
    const name = kindOf(callFrame) === 'own code' ? placeOf(callFrame) : undefined
    const first = name !== undefined && !above.has(name)
    if (first) above.add(name)
    let total = selfOf.get(node.id) ?? 0
    for (const child of node.children ?? []) total += walk(byId.get(child), above)
    if (first) {
      above.delete(name)
      add(totals, name, total)
    }
    return total
  }
  for (const node of nodes) if (!children.has(node.id)) walk(node, new Set())
}

/** What all profiles in a folder say, idle left out: `{ busyMs, kinds, self, total }`, the last three as `[name, share]`. */
function profileOf(folder) {
  const kinds = new Map()
  const functions = new Map()
  const totals = new Map()
  let busy = 0
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'))
    const frames = new Map(nodes.map((node) => [node.id, node.callFrame]))
    const selfOf = new Map()
    samples.forEach((id, index) => {
      const frame = frames.get(id)
      const kind = kindOf(frame)
      if (kind === 'idle') return
      const self = timeDeltas[index + 1] ?? 0
      busy += self
      add(selfOf, id, self)
      add(kinds, kind, self)
      add(functions, placeOf(frame), self)
    })
    addTotals(nodes, selfOf, totals)
  }
  const shares = (sums) => [...sums].map(([name, self]) => [name, self / busy]).sort((a, b) => b[1] - a[1])
  return { busyMs: busy / 1000, kinds: shares(kinds), self: shares(functions), total: shares(totals) }
}

/** Prints the biggest `count` functions of the profiles in a folder. */
export function printProfile(title, folder, count = 30) {
  const { busyMs, kinds, self, total } = profileOf(folder)
  const percent = (share) => `${(share * 100).toFixed(1).padStart(5)} %`
  console.log(`\nprofile of ${title}: ${Math.round(busyMs)} ms busy (${folder})`)
  for (const [name, share] of kinds) console.log(`  ${percent(share)}  ${name}`)
  const list = (words, shares) => {
    console.log(`  ${words}`)
    for (const [name, share] of shares.slice(0, count)) console.log(`  ${percent(share)}  ${name}`)
  }
  list('self time', self)
  list('own functions with all they call', total)
}

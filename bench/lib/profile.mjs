// Reads the V8 CPU profiles that a server left (`node --cpu-prof`) and says where its time went:
// self time per function, the biggest first, and per kind of code. So that a missed goal is explained by a profile.

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

/** Top self time of all profiles in a folder, idle left out: `{ busyMs, kinds, functions }`, each `[name, share]`. */
function profileOf(folder) {
  const kinds = new Map()
  const functions = new Map()
  let busy = 0
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8'))
    const frames = new Map(nodes.map((node) => [node.id, node.callFrame]))
    samples.forEach((id, index) => {
      const frame = frames.get(id)
      const kind = kindOf(frame)
      if (kind === 'idle') return
      const self = timeDeltas[index + 1] ?? 0
      busy += self
      add(kinds, kind, self)
      add(functions, placeOf(frame), self)
    })
  }
  const shares = (sums) => [...sums].map(([name, self]) => [name, self / busy]).sort((a, b) => b[1] - a[1])
  return { busyMs: busy / 1000, kinds: shares(kinds), functions: shares(functions) }
}

/** Prints the biggest `count` functions of the profiles in a folder. */
export function printProfile(title, folder, count = 30) {
  const { busyMs, kinds, functions } = profileOf(folder)
  const percent = (share) => `${(share * 100).toFixed(1).padStart(5)} %`
  console.log(`\nprofile of ${title}: ${Math.round(busyMs)} ms busy (${folder})`)
  for (const [name, share] of kinds) console.log(`  ${percent(share)}  ${name}`)
  console.log('  self time')
  for (const [name, share] of functions.slice(0, count)) console.log(`  ${percent(share)}  ${name}`)
}

/**
 * `npm run build`: compiles `src/` to `dist/` in place. With `--if-stale`, as `npm ci` and `npx` run it (prepare), it does so
 * only when a source is newer than the build. Files are overwritten, and removed only when they lost their source, so
 * that a running mcplex is not disturbed.
 */
import { chmodSync, existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'

const root = join(import.meta.dirname, '..')
const command = join(root, 'dist', 'cli', 'main.js')

if (process.argv.includes('--if-stale') && isFresh()) process.exit(0)

const tsc = compiler()
if (tsc === undefined) {
  // `npm ci --omit=dev` has no compiler; that is fine where dist/ was built before.
  if (existsSync(command)) process.exit(0)
  console.error('mcplex: no TypeScript to build with. Run `npm ci` without --omit=dev, then `npm prune --omit=dev`.')
  process.exit(1)
}
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
removeOrphans()
if (existsSync(command)) {
  chmodSync(command, 0o755)
  // What was compiled in spite of an error may run, but is never taken for fresh.
  if (status !== 0) utimesSync(command, 0, 0)
}
process.exitCode = status ?? 1

function compiler() {
  try {
    return join(createRequire(import.meta.url).resolve('typescript/package.json'), '..', 'bin', 'tsc')
  } catch {
    return undefined
  }
}

/** Whether the entry was compiled after the last change; a removed source changes its folder. */
function isFresh() {
  if (!existsSync(command)) return false
  const built = statSync(command).mtimeMs
  const sources = readdirSync(join(root, 'src'), { recursive: true }).map((path) => join('src', path))
  return ['src', 'tsconfig.json', 'tsconfig.build.json', ...sources].every(
    (path) => statSync(join(root, path)).mtimeMs <= built,
  )
}

function removeOrphans() {
  const dist = join(root, 'dist')
  if (!existsSync(dist)) return
  for (const path of readdirSync(dist, { recursive: true })) {
    const source = /^(.*?)(\.d\.ts|\.js)$/.exec(path)
    if (source && !existsSync(join(root, 'src', `${source[1]}.ts`))) rmSync(join(dist, path))
  }
}

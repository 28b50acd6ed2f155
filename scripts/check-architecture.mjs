/** Checks `src/` against the rules of the architecture (scripts/architecture/rules.mjs) and ends with 1 if one is broken. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { homonyms, offences, staleLongFiles } from './architecture/check.mjs'

const root = join(import.meta.dirname, '..', 'src')
const paths = readdirSync(root, { recursive: true }).filter((path) => path.endsWith('.ts'))
const texts = new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]))
const found = [...texts].flatMap(([path, text]) => offences(path, text)).concat(staleLongFiles(texts), homonyms(texts))
for (const { path, line, rule, message } of found) console.log(`src/${path}:${line} [${rule}] ${message}`)
console.log(`architecture: ${texts.size} files, ${found.length} offences`)
process.exitCode = found.length === 0 ? 0 : 1

/**
 * Prints the documents whose content is code: `node scripts/print-docs.mjs` writes them, with `--check` it only says
 * whether they are fresh (exit code 1 if not). Needs the build, as it reads the tables from `dist`.
 * `docs/field.md` is what the last whole `npm run field` found: it must name what `field/` has, and README.md the clients.
 * `docs/compatibility.md` is what the last run of `test/compatibility` found; that run itself checks that it is fresh.
 */
import { existsSync } from 'node:fs'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { format, resolveConfig } from 'prettier'
import { unnamed, untold } from '../field/document.mjs'
import { openapiDocument } from '../dist/admin/openapi.js'
import { errorDocument } from '../dist/cli/error-document.js'
import { configurationDocument } from '../dist/config/document.js'
import { fileSchema } from '../dist/config/file/json-schema.js'
import { allowedMoves } from '../dist/upstreams/worker-states.js'

const documents = [
  ['docs/configuration.md', configurationDocument()],
  ['docs/errors.md', errorDocument()],
  ['docs/openapi.json', `${JSON.stringify(openapiDocument())}\n`],
  ['docs/worker-states.json', `${JSON.stringify(allowedMoves)}\n`],
  ['schema.json', `${JSON.stringify(fileSchema())}\n`],
]

const check = process.argv.includes('--check')
for (const [path, text] of documents) {
  const url = new URL(`../${path}`, import.meta.url)
  const fresh = await format(text, {
    ...(await resolveConfig(url)),
    parser: path.endsWith('.json') ? 'json' : 'markdown',
  })
  if (!check) await writeFile(url, fresh)
  else if ((await readFile(url, 'utf8').catch(() => '')) !== fresh) {
    console.error(`${path} is stale: run npm run build && npm run docs`)
    process.exitCode = 1
  }
}

if (check) {
  const [page = '', readme = ''] = await Promise.all(
    ['docs/field.md', 'README.md'].map((path) =>
      readFile(new URL(`../${path}`, import.meta.url), 'utf8').catch(() => ''),
    ),
  )
  for (const one of unnamed(page)) {
    console.error(`docs/field.md does not name ${one}: run npm run field`)
    process.exitCode = 1
  }
  for (const one of untold(readme)) {
    console.error(`README.md does not say that ${one} was tried, as docs/field.md does`)
    process.exitCode = 1
  }
}

const found = new URL('../out/compatibility/compatibility.md', import.meta.url)
if (!check && existsSync(found)) await copyFile(found, new URL('../docs/compatibility.md', import.meta.url))

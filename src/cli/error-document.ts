/** Prints `docs/errors.md` from the tables of refusals and failures, so that it cannot differ from the code. */
import type { Retry } from '../base/refusal-row.ts'
import { refusals } from '../base/refusals.ts'
import { exits, failures } from './failures.ts'

const retries: Readonly<Record<Retry, string>> = {
  later: 'later',
  never: 'no',
  changed: 'after a change',
}

/** The document as Markdown. */
export function errorDocument(): string {
  return [
    '# Errors',
    '',
    '<!-- Printed from the code by `npm run docs`. Change `src/base/refusals.ts` or `src/cli/failures.ts` instead. -->',
    '',
    '## What a client may see',
    '',
    'Every refusal of mcplex itself is a JSON-RPC error whose `data.reason` is one of these words; match on it rather than',
    'on the message. The HTTP status 200 means that the request was understood and the error is its answer; the stateless',
    'revision answers some of those with another status, as its specification asks. 429 and 503 carry `Retry-After`.',
    '`data.requestId` is the `req_id` of the line that the log has of the request. Nothing of the inside is in an error.',
    'Errors of the server behind mcplex pass through unchanged and have no such word. A POST that is refused before its body',
    'was read is answered with plain text, `reason: message`: a JSON-RPC error could not name the request.',
    '',
    '| `data.reason` | HTTP | JSON-RPC | Try again | What happened | What to do |',
    '| --- | --- | --- | --- | --- | --- |',
    ...Object.entries(refusals).map(
      ([code, row]) =>
        `| \`${code}\` | ${row.status} | ${row.rpc} | ${retries[row.retry]} | ${row.message} | ${row.remedy} |`,
    ),
    '',
    '## What the command may say',
    '',
    'The command prints its failures to stderr, each with one of these codes: as text for people, or as a line of the log',
    'where that is JSON (`{"level":"fatal","code":...,"exit":78,"try":[...],"msg":...}`). With `--json` they are one object',
    'on stdout as well: `{"event":"failed","exit":78,"errors":[{"code":...,"message":...,"try":[...]}]}`.',
    '',
    '| Code | Exit | What happened | What to do |',
    '| --- | --- | --- | --- |',
    ...Object.entries(failures).map(([code, row]) => `| \`${code}\` | ${row.exit} | ${row.meaning} | ${row.remedy} |`),
    '',
    'Other exit codes:',
    '',
    ...exits.map(([code, meaning]) => `- ${code}: ${meaning}`),
    '',
  ].join('\n')
}

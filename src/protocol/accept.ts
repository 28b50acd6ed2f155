/** Which forms of an answer a client takes, by its `Accept` header. Pure. [RFC 9110, 12.5.1] */

/** `json` and `stream`: only that form; `both`: either; `none`: neither. */
export type AcceptedForms = 'both' | 'json' | 'stream' | 'none'

const usual = 'application/json, text/event-stream'

/** The forms that a client takes. No header at all means everything. */
export function acceptedForms(accept: string | undefined): AcceptedForms {
  if (accept === undefined || accept === usual) return 'both'
  const ranges = accept
    .split(',', 64)
    .filter((range) => !/;[ \t]*q=0(?:\.0*)?[ \t]*(?:;|$)/i.test(range))
    .map(mediaRange)
  const takes = (type: string, subtype: string): boolean =>
    ranges.some((range) => range === '*/*' || range === `${type}/*` || range === `${type}/${subtype}`)
  const json = takes('application', 'json')
  const stream = takes('text', 'event-stream')
  if (json) return stream ? 'both' : 'json'
  return stream ? 'stream' : 'none'
}

function mediaRange(text: string): string {
  const end = text.indexOf(';')
  return (end < 0 ? text : text.slice(0, end)).trim().toLowerCase()
}

/** Which forms of a response a client accepts, by its `Accept` header. Pure. [RFC 9110, 12.5.1] */

/** `json` and `stream`: only that form; `both`: either; `none`: neither. */
export type AcceptedForms = 'both' | 'json' | 'stream' | 'none'

const usual = 'application/json, text/event-stream'

/** The forms that a client accepts. Without a header it accepts everything. */
export function acceptedForms(accept: string | undefined): AcceptedForms {
  if (accept === undefined || accept === usual) return 'both'
  const ranges = mediaRanges(accept)
  const takes = (type: string, subtype: string): boolean =>
    ranges.some((range) => range === '*/*' || range === `${type}/*` || range === `${type}/${subtype}`)
  const json = takes('application', 'json')
  const stream = takes('text', 'event-stream')
  if (json) return stream ? 'both' : 'json'
  return stream ? 'stream' : 'none'
}

/**
 * Whether a browser sent the request, so that a person reads the response: browsers list `text/html`. A client that also
 * lists event streams is not a browser, nor is a program whose HTTP library sends a default list with a wildcard: Java's is
 * `text/html, image/gif, image/jpeg, *; q=.2, *\/*; q=.2`.
 */
export function isBrowser(accept: string | undefined): boolean {
  if (accept === undefined || !/text\/html/i.test(accept)) return false
  const ranges = mediaRanges(accept)
  if (!ranges.includes('text/html') || ranges.includes('text/event-stream')) return false
  return !ranges.includes('*/*') || ranges.includes('application/xhtml+xml')
}

/** The media ranges of a header, without excluded ones (`q=0`). */
function mediaRanges(accept: string): readonly string[] {
  return accept
    .split(',', 64)
    .filter((range) => !/;[ \t]*q=0(?:\.0*)?[ \t]*(?:;|$)/i.test(range))
    .map(mediaRange)
}

function mediaRange(text: string): string {
  const end = text.indexOf(';')
  return (end < 0 ? text : text.slice(0, end)).trim().toLowerCase()
}

// What the server asks its client, in rounds of named questions; and which capability each question needs.

const form = (/** @type {string} */ message, name = 'name') => ({
  method: 'elicitation/create',
  params: {
    mode: 'form',
    message,
    requestedSchema: { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] },
  },
})

export const url = (/** @type {string} */ elicitationId) => ({
  mode: 'url',
  message: 'Please sign in.',
  url: `https://example.com/sign-in?for=${elicitationId}`,
  elicitationId,
})

const sampling = (/** @type {object} */ more) => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text: 'Capital?' } }], maxTokens: 20, ...more },
})

const weather = { name: 'weather', inputSchema: { type: 'object', properties: { city: { type: 'string' } } } }
const roots = { method: 'roots/list', params: {} }

/**
 * @typedef {Record<string, { method: string, params: any }>} Round
 * @type {Record<string, Round[]>}
 */
export const conversations = {
  form: [{ who: form('Who?') }],
  decline: [{ who: form('Please decline.') }],
  url: [{ signed: { method: 'elicitation/create', params: url('e1') } }],
  sampling: [{ capital: sampling({}) }],
  'sampling-tools': [{ capital: sampling({ tools: [weather], toolChoice: { mode: 'auto' } }) }],
  roots: [{ roots }],
  several: [{ who: form('Who?'), capital: sampling({}), roots }],
  rounds: [{ first: form('First?', 'first') }, { second: form('Second?', 'second') }],
}

/** The capabilities that a round needs and the client lacks, or undefined. */
export function lacking(/** @type {Round} */ round, /** @type {any} */ capabilities) {
  /** @type {Record<string, object>} */
  const missing = {}
  const { elicitation, sampling: samples, roots: rooted } = capabilities ?? {}
  for (const { method, params } of Object.values(round)) {
    if (method === 'roots/list' && rooted === undefined) missing['roots'] = {}
    if (method === 'sampling/createMessage') {
      if (samples === undefined) missing['sampling'] = {}
      else if (params.tools !== undefined && samples.tools === undefined) missing['sampling'] = { tools: {} }
    }
    if (method === 'elicitation/create') {
      const isForm = params.mode !== 'url'
      const declared = isForm ? elicitation?.form !== undefined || isEmpty(elicitation) : elicitation?.url !== undefined
      if (!declared) missing['elicitation'] = isForm ? { form: {} } : { url: {} }
    }
  }
  return Object.keys(missing).length === 0 ? undefined : missing
}

const isEmpty = (/** @type {any} */ value) => value !== undefined && Object.keys(value).length === 0

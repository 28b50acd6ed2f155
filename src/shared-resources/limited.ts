/** `limited` of `mcplex/tools`. */
import { type Limited, type LimitedOptions, limitedSettings } from './limited-options.ts'
import { resourcesHere } from './resources-here.ts'

/**
 * A queue in front of an API that allows so many calls: one for all sessions of the module. Make it at the top of the module,
 * and use it in handlers.
 *
 *   const weather = limited('weather', { rate: 10 })
 *   const answer = await weather.run(({ signal }) => fetch(url, { signal }))
 *
 * Throws a `TypeError` if an option is wrong; `run` throws one if the name is used with other options elsewhere.
 */
export function limited(name: string, options: LimitedOptions): Limited {
  const resource = `limited(${JSON.stringify(name)})`
  limitedSettings(resource, options)
  const own = { ...options }
  return {
    async run(task, runOptions) {
      return resourcesHere(resource).limited(name, own).run(task, runOptions)
    },
  }
}

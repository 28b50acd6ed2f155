/** Which of the values that were put in for `${...}` may not be shown. */
import type { Option } from '../../base/option.ts'
import { type Path, pathKey, type YamlText } from './read-yaml.ts'

export class PutInValues {
  readonly #putIn: YamlText['putIn']
  /** Options whose values are no secrets, by `pathKey`. */
  readonly #open = new Set<string>()

  constructor(putIn: YamlText['putIn']) {
    this.#putIn = putIn
  }

  /** What configures mcplex itself is shown when it starts, and a number or a choice is no secret. */
  accepted(path: Path, option: Option, items: number): void {
    const isText = option.kind === 'text' || option.kind === 'list'
    if (isText && (path[0] === 'upstreams' || path[0] === 'endpoints')) return
    this.#open.add(pathKey(path))
    for (let at = 0; at < items; at++) this.#open.add(pathKey([...path, at]))
  }

  /** All others. */
  get secret(): readonly string[] {
    return [...this.#putIn].flatMap(([key, values]) => (this.#open.has(key) ? [] : values))
  }
}

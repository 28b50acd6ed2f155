/** Tells what is wrong with the text of a file itself, with line and column. Pure. */
import { terminalSafeLine } from '../../base/terminal-safe.ts'
import { type Problem, whereOf, withWays } from '../problem.ts'
import { placeOf, wordAt } from './frame.ts'
import { readYaml } from './read-yaml.ts'
import { maxMessage } from './show-word.ts'

/**
 * @param file the name of the file, as it is shown
 * @returns nothing if the text can be read
 */
export function syntaxProblems(file: string, text: string): readonly Problem[] {
  const { faults, secrets } = readYaml(text, undefined)
  return faults.map(({ code, span, fault, accepted, ways }) => {
    const place = placeOf({ file, text, secrets }, span, fault.replace(/^is /, ''))
    const message = terminalSafeLine(`${wordAt({ file, text, secrets }, span)} ${fault}`.trim(), maxMessage)
    const notes = accepted === undefined ? [] : [['accepted', accepted] as const]
    return withWays({ code, where: whereOf(place), message, notes, place }, ways)
  })
}

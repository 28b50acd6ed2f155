/**
 * Members put into JSON that people wrote. Pure, and by offsets: what was there stays to the letter, and the new member
 * takes the indentation and the line ends of the text around it.
 */
import { type Node, stripComments } from 'jsonc-parser'

/** How a text is laid out. */
interface Layout {
  readonly unit: string
  readonly eol: string
}

/** The text with a member at the end of an object. */
export function append(text: string, object: Node, key: string, value: unknown): string {
  const layout = layoutOf(text)
  const { eol, unit } = layout
  const outer = indentAt(text, object.offset)
  const last = object.children?.at(-1)
  const inner = (last && ownIndent(text, last.offset)) ?? outer + unit
  const brace = object.offset + object.length - 1
  // After the last member and the comments that belong to it.
  const at = text.slice(0, brace).trimEnd().length
  const member = `${eol}${inner}${JSON.stringify(key)}: ${write(value, inner, layout)}`
  const closing = text.slice(at, brace).includes('\n') ? '' : eol + outer
  const end = last ? last.offset + last.length : at
  const comma = last && !stripComments(text.slice(end, brace)).includes(',') ? ',' : ''
  return text.slice(0, end) + comma + text.slice(end, at) + member + closing + text.slice(at)
}

/** The text with another value in the place of one. */
export function replace(text: string, node: Node, value: unknown): string {
  const written = write(value, indentAt(text, node.offset), layoutOf(text))
  return text.slice(0, node.offset) + written + text.slice(node.offset + node.length)
}

function write(value: unknown, indent: string, { eol, unit }: Layout): string {
  return JSON.stringify(value, undefined, unit)
    .split('\n')
    .join(eol + indent)
}

function layoutOf(text: string): Layout {
  return { unit: /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ', eol: text.includes('\r\n') ? '\r\n' : '\n' }
}

/** The indentation of the line that an offset is in. */
function indentAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  return /^[ \t]*/.exec(text.slice(start, offset))?.[0] ?? ''
}

/** The same, if nothing else stands before it in its line. */
function ownIndent(text: string, offset: number): string | undefined {
  const indent = indentAt(text, offset)
  const start = offset - indent.length
  return start > 0 && text[start - 1] === '\n' ? indent : undefined
}

// Loaded before a program (`node --import`): moves the clock of the machine, as that program sees it, by as many
// milliseconds as the file MOVED_CLOCK says.
import { readFileSync } from 'node:fs'

const { MOVED_CLOCK: file } = process.env
let movedMs = 0
setInterval(() => {
  try {
    movedMs = Number(readFileSync(file, 'utf8'))
  } catch {
    // Not moved yet.
  }
}, 10).unref()

const now = Date.now
const RealDate = Date
const moved = () => now() + movedMs
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [moved()] : given))
  }
  static now() {
    return moved()
  }
}

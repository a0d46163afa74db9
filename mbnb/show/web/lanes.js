// Lanes of segments over time: the machine's below those of people, with probabilities above, and the whole recording as a strip.

const GUTTER = 128, RULER = 22, TITLE = 16, BAR = 20, GAP = 6 // pixels
const NEAR = 5, CLOSEST = 0.4 // pixels to a border within which it is taken; seconds that are shown at least
const MACHINES = 0, OWN = 1, OTHERS = 2, UNTIED = 0.04
const TICKS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600]

// A moment as people read it, to as many places as `step` seconds need.
function moment(seconds, step = 0.001) {
  const places = step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3, all = Math.round(seconds * 10 ** places) / 10 ** places
  const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60, rest = (all % 60).toFixed(places).padStart(places ? places + 3 : 2, '0')
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

// The first place in rising `values` that is greater than `value`.
function after(values, value) {
  let low = 0, high = values.length
  while (low < high) { const middle = low + high >> 1; if (values[middle] > value) high = middle; else low = middle + 1 }
  return low
}

function summed(bytes) {
  const steps = new Int32Array(bytes.buffer), times = new Float64Array(steps.length)
  for (let i = 0, ticks = 0; i < steps.length; i++) times[i] = (ticks += steps[i]) / 1e4
  return times
}

// Probabilities by person; `of(lane)` is the greatest of the lane's labels at each step.
async function openStrips(data) {
  const people = []
  for (const part of data.strip) {
    const [times, values] = [summed(await inflate(fromText(part.times))), await inflate(fromText(part.values))]
    for (let row = 0; row < part.labels.length; row++) for (let i = row * part.steps + 1; i < (row + 1) * part.steps; i++) values[i] = values[i] + values[i - 1] & 255
    people.push({ person: part.person, labels: part.labels, times, values })
  }
  const made = new Map()
  const whose = person => people.find(part => part.person === person) ?? (people.length === 1 ? people[0] : null)
  return {
    of(index) {
      if (!made.has(index)) {
        const { tier, person } = data.lanes[index], part = whose(person), most = part && new Uint8Array(part.times.length)
        part?.labels.forEach((label, row) => {
          if (data.lanes[data.homes[label]]?.tier !== tier) return
          for (let i = 0, at = row * most.length; i < most.length; i++, at++) if (part.values[at] > most[i]) most[i] = part.values[at]
        })
        made.set(index, part && { times: part.times, most })
      }
      return made.get(index)
    },
    // Labels by their mean probability from `start` to `end`, as [label, share], the likeliest first.
    likeliest(person, start, end) {
      const part = whose(person)
      if (!part) return []
      const first = Math.max(0, after(part.times, start) - 1), last = Math.max(first + 1, after(part.times, end)), length = part.times.length
      return part.labels.map((label, row) => {
        let sum = 0
        for (let i = first; i < last; i++) sum += part.values[row * length + i]
        return [label, sum / 255 / (last - first)]
      }).sort((a, b) => b[1] - a[1])
    },
  }
}

// `on` is told what a pointer asks for: pick(item), seek(time), moved(item, {start, end}), add(lane, time), looked(item or null).
function lanesPanel(root, data, state, store, on) {
  const canvas = make('canvas', { className: 'lanes', tabIndex: 0, role: 'application', ariaLabel: 'timeline: lanes of segments; the keys are listed below' })
  const whole = make('canvas', { className: 'whole', ariaLabel: 'the whole recording; a click goes there', role: 'img' })
  const heads = [whole, canvas].map(() => make('div', { className: 'head' }))
  const element = make('div', { className: 'time-lanes' }, make('div', { className: 'over' }, whole, heads[0]), make('div', { className: 'over' }, canvas, heads[1]))
  const view = { from: 0, to: data.length }
  let blocks = [], rows = [], strips = null, stamps = null, drag = null, pending = 0, now = 0, room = 500 // pixels beside the gutter

  const x = time => GUTTER + (time - view.from) / (view.to - view.from) * room
  const timeAt = place => view.from + (place - GUTTER) / room * (view.to - view.from)
  const dark = () => root.host.classList.contains('dark')
  const snap = time => {
    const inside = Math.max(0, Math.min(data.length, time))
    if (!stamps?.length) return Math.round(inside / UNTIED) * UNTIED
    const next = Math.min(after(stamps, inside), stamps.length - 1), before = Math.max(0, next - 1)
    return inside - stamps[before] < stamps[next] - inside ? stamps[before] : stamps[next]
  }

  // ---- what stands where
  function arrange() {
    const found = new Map(), put = (lane, kind, box) => {
      const key = 3 * lane + kind
      if (!found.has(key)) found.set(key, [])
      found.get(key).push(box)
    }
    for (const item of store.items) {
      if (item.source !== OWN) put(item.lane, item.source, { item, start: item.start, end: item.end, label: item.label })
      const holds = store.holds(item)
      if (holds) put(holds.lane, OWN, { item, start: holds.start, end: holds.end, label: holds.label })
      else if (item.source === OWN && !item.added) put(item.lane, OWN, { item, start: item.start, end: item.end, label: item.label })
    }
    const kinds = [...(data.sources.other ? [OTHERS] : []), OWN, ...(data.sources.machine ? [MACHINES] : [])]
    let y = RULER
    blocks = data.lanes.map((lane, index) => ({ lane, index })).filter(({ lane }) => state.person === '' || lane.person === state.person)
    rows = []
    for (const block of blocks) {
      block.y = y
      y += TITLE
      for (const kind of kinds) {
        const boxes = (found.get(3 * block.index + kind) ?? []).sort((a, b) => a.start - b.start || a.end - b.end)
        let longest = 0, ends = [] // of those that share time, one a level
        for (const box of boxes) {
          if (ends.every(end => end <= box.start)) ends = []
          box.level = ends.findIndex(end => end <= box.start)
          if (box.level < 0) box.level = ends.length
          ends[box.level] = Math.max(box.end, box.start + 1e-4)
          box.ends = ends // its length is how many share the height
          longest = Math.max(longest, box.end - box.start)
        }
        rows.push({ block, kind, boxes, longest, y, starts: boxes.map(box => box.start) })
        y += BAR + 1
      }
      y += GAP
      block.bottom = y - GAP / 2
    }
    canvas.style.height = y + 2 + 'px'
    drawSoon()
  }

  const shown = box => state.preview?.item === box.item && drag?.box === box ? state.preview : box
  function* boxesIn(row, from, to) {
    for (let i = after(row.starts, from - row.longest - 1e-9); i < row.boxes.length && row.boxes[i].start <= to; i++) if (row.boxes[i].end >= from) yield row.boxes[i]
  }
  const placed = (row, box) => { const tall = BAR / box.ends.length; return [row.y + box.level * tall, Math.max(2, tall - 1)] }

  // ---- drawing
  const rowNames = { [MACHINES]: 'machine', [OWN]: data.sources.machine ? 'corrected' : 'coded', [OTHERS]: data.sources.other }
  function colours(label, kind) {
    const hue = label * 137.508 % 360, night = dark()
    return kind === OWN ? [`hsl(${hue} 55% ${night ? 42 : 38}%)`, '#fff', `hsl(${hue} 60% ${night ? 60 : 28}%)`]
      : [`hsl(${hue} ${night ? '38% 25%' : '60% 88%'})`, root.color('text'), `hsl(${hue} ${night ? '50% 55%' : '55% 45%'})`]
  }
  function clipped(pen, text, most) {
    if (most < 14) return ''
    if (pen.measureText(text).width <= most) return text
    let length = Math.floor(text.length * most / pen.measureText(text).width)
    while (length > 0 && pen.measureText(text.slice(0, length) + '…').width > most) length--
    return length ? text.slice(0, length) + '…' : ''
  }
  const MARKS = { accepted: '✓ ', rejected: '✗ ', changed: '✎ ' }

  function drawBox(pen, row, box, right, free) {
    const { start, end } = shown(box), [y, tall] = placed(row, box), { item } = box
    const left = Math.max(GUTTER - 3, x(start)), stop = Math.min(right + 3, x(end)), wide = Math.max(2, stop - left)
    const [fill, ink, line] = colours(box.label, row.kind), rejected = item.edit?.verdict === 'rejected'
    pen.globalAlpha = rejected ? 0.35 : 1
    pen.fillStyle = rejected ? root.color('raised') : wide > 4 ? fill : line
    pen.fillRect(left, y, wide, tall)
    if (wide > 4) {
      pen.strokeStyle = line
      pen.lineWidth = 1
      pen.setLineDash(row.kind === OTHERS ? [3, 2] : [])
      pen.strokeRect(left + 0.5, y + 0.5, wide - 1, tall - 1)
      pen.setLineDash([])
      if (row.kind === MACHINES && item.sure != null) { pen.fillStyle = line; pen.fillRect(left, y + tall - 3, wide * item.sure, 3) }
      const mark = row.kind === MACHINES || rejected ? MARKS[item.edit?.verdict] ?? '' : ''
      pen.font = `${tall < 12 ? 9 : 11}px system-ui, sans-serif`
      const whole = mark + (data.labels[box.label] || '(no label)'), text = clipped(pen, whole, wide - 8)
      // What is too long stands beside the box where nothing else does.
      const beside = text !== whole && tall > 12 && pen.measureText(whole).width < free - stop - 8
      pen.fillStyle = beside ? root.color('text') : ink
      if (tall > 7) pen.fillText(beside ? whole : text, beside ? stop + 4 : left + 4, y + tall / 2 + 0.5)
      pen.fillStyle = ink
      if (rejected) pen.fillRect(left + 2, y + tall / 2, wide - 4, 1)
    }
    pen.globalAlpha = 1
    if (item !== state.selected) return
    pen.strokeStyle = root.color('text')
    pen.lineWidth = 2
    pen.strokeRect(left - 1, y - 1, wide + 2, tall + 2)
    if (!state.border || (row.kind !== OWN && item.edit)) return
    pen.fillStyle = root.color('bad')
    pen.fillRect((state.border === 'start' ? x(start) : x(end)) - 2, y - 4, 4, tall + 8)
  }

  function drawRuler(pen, w, h) {
    const span = view.to - view.from, step = TICKS.find(tick => tick / span * room >= 84) ?? 7200
    pen.textAlign = 'center'
    for (let k = Math.ceil(view.from / step - 1e-6); k * step <= view.to + 1e-9; k++) {
      const place = x(k * step)
      pen.fillStyle = root.color('line')
      pen.fillRect(place, RULER - 5, 1, h)
      pen.fillStyle = root.color('faint')
      if (place > GUTTER + 14 && place < w - 20) pen.fillText(moment(k * step, step), place, 9)
    }
    pen.textAlign = 'left'
    if (!stamps || room / span * data.tracks.step < 7) return
    pen.fillStyle = root.color('faint') // frames
    for (let i = after(stamps, view.from); i < stamps.length && stamps[i] <= view.to; i++) pen.fillRect(x(stamps[i]), RULER - 4, 1, 4)
  }

  function drawStrip(pen, block) {
    const strip = strips?.of(block.index)
    if (!strip) return
    const { times, most } = strip, base = block.y + TITLE - 2, tall = TITLE - 5
    const first = Math.max(0, after(times, view.from) - 2), last = Math.min(times.length - 1, after(times, view.to) + 1)
    if (last <= first) return
    pen.beginPath()
    pen.moveTo(x(times[first]), base)
    for (let i = first; i <= last;) {
      const place = Math.round(x(times[i]))
      let top = 0
      do top = Math.max(top, most[i++]); while (i <= last && Math.round(x(times[i])) === place)
      pen.lineTo(place, base - tall * top / 255)
    }
    pen.lineTo(x(times[last]), base)
    pen.closePath()
    pen.globalAlpha = 0.45
    pen.fillStyle = root.color('left')
    pen.fill()
    pen.globalAlpha = 1
  }

  function draw() {
    pending = 0
    room = Math.max(50, canvas.clientWidth - GUTTER)
    onCanvas(canvas, (pen, w, h) => {
      pen.font = '12px system-ui, sans-serif'
      pen.textBaseline = 'middle'
      pen.save()
      pen.beginPath(); pen.rect(GUTTER, 0, w - GUTTER, h); pen.clip()
      drawRuler(pen, w, h)
      for (const block of blocks) drawStrip(pen, block)
      pen.font = '11px system-ui, sans-serif'
      for (const row of rows) {
        const boxes = [...boxesIn(row, view.from, view.to)]
        let ends = [], group = null
        for (const [i, box] of boxes.entries()) {
          const stop = x(box.end)
          if (group !== box.ends.length) [group, ends] = [box.ends.length, []]
          if (stop < ends[box.level] + 1 && box.item !== state.selected) continue // it would lie under the one before
          ends[box.level] = Math.max(x(box.start) + 2, stop)
          drawBox(pen, row, box, w, boxes[i + 1] ? x(boxes[i + 1].start) : w)
        }
      }
      pen.restore()
      for (const block of blocks) {
        pen.fillStyle = root.color('line'); pen.fillRect(0, block.bottom, w, 1)
        pen.font = '600 12px system-ui, sans-serif'; pen.fillStyle = root.color('text')
        pen.fillText(clipped(pen, [block.lane.tier || '(no tier)', block.lane.person].filter(Boolean).join(' · '), GUTTER - 8), 2, block.y + TITLE / 2)
      }
      pen.font = '11px system-ui, sans-serif'; pen.fillStyle = root.color('faint')
      for (const row of rows) pen.fillText(clipped(pen, rowNames[row.kind], GUTTER - 18), 12, row.y + BAR / 2)
    })
    onCanvas(whole, (pen, w, h) => {
      const place = time => GUTTER + time / data.length * room
      pen.fillStyle = root.color('raised'); pen.fillRect(GUTTER, 0, room, h)
      // How much is going on at once: of people upwards, of the machine downwards.
      for (const kind of [OTHERS, OWN, MACHINES]) {
        const busy = new Float64Array(Math.ceil(room) + 1)
        for (const row of rows) if (row.kind === kind) for (const box of row.boxes) {
          const left = place(box.start) - GUTTER, right = Math.max(left + 0.3, place(box.end) - GUTTER)
          for (let k = Math.floor(left); k < Math.min(right, busy.length); k++) busy[k] += Math.min(right, k + 1) - Math.max(left, k)
        }
        pen.fillStyle = root.color(kind === MACHINES ? 'middle' : kind === OWN ? 'left' : 'right')
        pen.globalAlpha = kind === OTHERS ? 0.5 : 1
        busy.forEach((share, k) => {
          const tall = share && (h / 2 - 2) * Math.min(1, 0.25 + 0.4 * share)
          if (tall) pen.fillRect(GUTTER + k, kind === MACHINES ? h / 2 + 0.5 : h / 2 - tall, 1, tall)
        })
      }
      pen.globalAlpha = 1
      pen.strokeStyle = root.color('text'); pen.lineWidth = 2
      pen.strokeRect(place(view.from) + 1, 1, Math.max(3, place(view.to) - place(view.from) - 2), h - 2)
      pen.font = '11px system-ui, sans-serif'; pen.textBaseline = 'middle'; pen.fillStyle = root.color('faint')
      pen.fillText('all of it', 2, h / 2)
    })
    head(now)
  }
  function drawSoon() { pending = pending || requestAnimationFrame(draw) }
  function head(time) {
    now = time
    const places = [GUTTER + time / data.length * room, x(time)]
    heads.forEach((node, i) => {
      node.style.transform = `translateX(${places[i]}px)`
      node.style.visibility = places[i] >= GUTTER - 1 && places[i] <= GUTTER + room ? '' : 'hidden'
    })
  }

  // ---- moving about
  function show(from, to) {
    const span = Math.min(data.length, Math.max(CLOSEST, to - from)), middle = (from + to) / 2
    view.from = Math.max(0, Math.min(data.length - span, middle - span / 2))
    view.to = view.from + span
    drawSoon()
  }
  function zoom(times, about = now >= view.from && now <= view.to ? now : (view.from + view.to) / 2) {
    const span = Math.min(data.length, Math.max(CLOSEST, (view.to - view.from) * times)), share = (about - view.from) / (view.to - view.from)
    show(about - share * span, about - share * span + span)
  }
  function reveal(start, end) {
    const span = view.to - view.from
    if (end - start > span * 0.9) show(start - (end - start) * 0.2, end + (end - start) * 0.2)
    else if (start < view.from || end > view.to) show((start + end - span) / 2, (start + end + span) / 2)
    else drawSoon()
  }
  function follow(time) {
    const span = view.to - view.from
    if (time > view.to || time < view.from) show(time - span * 0.05, time + span * 0.95)
  }

  // ---- pointers
  const movable = (row, box) => row.kind !== OTHERS && !box.item.fixed && box.item.edit?.verdict !== 'rejected' && (row.kind === OWN || !box.item.edit)
  // What lies at a place: its row, its box, and which border of it is near.
  function under(left, top) {
    const row = rows.find(one => top >= one.y && top < one.y + BAR + 1)
    if (!row || left < GUTTER) return { row, block: row?.block ?? blocks.find(one => top >= one.y && top < one.bottom) }
    let best = null, nearest = NEAR
    for (const box of boxesIn(row, timeAt(left - NEAR), timeAt(left + NEAR))) {
      const [y, tall] = placed(row, box)
      if (top < y - 1 || top > y + tall + 1) continue
      const far = Math.max(0, x(box.start) - left, left - x(box.end))
      if (far < nearest || (far === nearest && box.end - box.start < best.end - best.start)) [nearest, best] = [far, box]
    }
    if (!best) return { row, block: row.block }
    const ends = { start: Math.abs(left - x(best.start)), end: Math.abs(left - x(best.end)) }, border = ends.start < ends.end ? 'start' : 'end'
    const wide = x(best.end) - x(best.start)
    return { row, block: row.block, box: best, border: ends[border] <= (wide < 16 ? 2 : NEAR) && movable(row, best) ? border : null }
  }
  canvas.onpointerdown = event => {
    if (event.button) return
    canvas.setPointerCapture(event.pointerId)
    drag = { ...under(event.offsetX, event.offsetY), x: event.offsetX, from: view.from, to: view.to, moved: false }
  }
  canvas.onpointermove = event => {
    if (!drag) {
      const found = under(event.offsetX, event.offsetY)
      canvas.style.cursor = found.border ? 'ew-resize' : found.box ? 'pointer' : 'grab'
      on.looked(found.box ?? null)
      return
    }
    drag.moved ||= Math.abs(event.offsetX - drag.x) > 3
    if (!drag.moved) return
    if (drag.border) {
      const { start, end } = drag.box, time = snap(timeAt(event.offsetX)), least = data.tracks?.step ?? UNTIED
      state.preview = { item: drag.box.item, start, end, [drag.border]: drag.border === 'start' ? Math.min(time, end - least) : Math.max(time, start + least) }
      on.seek(state.preview[drag.border])
      drawSoon()
    } else {
      const by = (drag.x - event.offsetX) / room * (drag.to - drag.from)
      show(drag.from + by, drag.to + by)
    }
  }
  canvas.onpointerup = event => {
    const done = drag, preview = state.preview
    drag = state.preview = null
    if (!done) return
    if (preview) on.moved(done.box.item, { start: preview.start, end: preview.end })
    else if (!done.moved && done.box) on.pick(done.box.item)
    else if (!done.moved && done.x >= GUTTER) on.seek(Math.max(0, Math.min(data.length, timeAt(event.offsetX))), done.block?.index)
    drawSoon()
  }
  canvas.onpointercancel = () => { drag = state.preview = null; drawSoon() }
  canvas.onpointerleave = () => on.looked(null)
  canvas.ondblclick = event => {
    const { box, block } = under(event.offsetX, event.offsetY)
    if (!box && block && event.offsetX >= GUTTER) on.add(block.index, timeAt(event.offsetX))
  }
  // Until the timeline has been clicked, the wheel goes on scrolling the page that holds it.
  canvas.addEventListener('wheel', event => {
    if (root.activeElement !== canvas && !event.ctrlKey) return
    event.preventDefault()
    const span = view.to - view.from, sideways = event.deltaX || (event.shiftKey ? event.deltaY : 0)
    if (sideways) show(view.from + sideways / room * span, view.to + sideways / room * span)
    else zoom(Math.exp(event.deltaY * 0.0015), Math.max(0, timeAt(event.offsetX)))
  }, { passive: false })
  const go = event => {
    const time = Math.max(0, Math.min(data.length, (event.offsetX - GUTTER) / room * data.length)), span = view.to - view.from
    show(time - span / 2, time + span / 2)
    on.seek(time)
  }
  whole.onpointerdown = event => { whole.setPointerCapture(event.pointerId); go(event) }
  whole.onpointermove = event => event.buttons && go(event)

  new ResizeObserver(drawSoon).observe(canvas)
  root.onTheme(drawSoon)
  return {
    element, canvas, view, arrange, draw: drawSoon, head, show, zoom, reveal, follow, snap,
    fill: (found, times) => { if (found) strips = found; if (times) stamps = times; drawSoon() },
    // Where the box of an item is, for scripts that drive the page.
    at: (item, kind) => {
      const row = rows.find(one => one.kind === kind && one.boxes.some(box => box.item === item)), box = row?.boxes.find(one => one.item === item)
      return box && { left: x(box.start), right: x(box.end), y: placed(row, box)[0] + placed(row, box)[1] / 2 }
    },
  }
}

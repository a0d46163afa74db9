// The confusion matrix: rows are true classes, columns predicted ones; cells are chosen by pointer or keys.

function matrixPanel(root, store, state, chosen) {
  const { codes, names, regions } = store.data.classes
  const select = (options, value, title) => make('select', { title, ariaLabel: title }, ...options.map(
    ([key, text]) => make('option', { value: key, textContent: text, selected: key === value })))
  const order = select([['region', 'by body region'], ['id', 'by class id'], ['name', 'by name'], ['errors', 'most errors first'], ['cluster', 'confused ones together']],
    state.order, 'order of the classes')
  const unit = select([['share', '% of the row'], ['count', 'clips']], state.unit, 'what a cell says')
  const canvas = make('canvas', { className: 'matrix', tabIndex: 0, role: 'application', ariaLabel: 'confusion matrix; arrow keys move, Enter opens' })
  const status = make('div', { className: 'status', ariaLive: 'polite' })
  const element = make('div', {}, make('div', { className: 'bar' }, make('label', {}, 'classes', order), make('label', {}, 'cells', unit)),
    status, canvas)
  let rows = [], columns = [], counts = [], totals = [], cursor = [0, 0], hovered = null, box = {}

  function orderOf() {
    const all = codes.map((_, i) => i), errors = i => counts[i].reduce((sum, n, j) => sum + (i === j ? 0 : n), 0)
    if (state.order === 'id') return all
    if (state.order === 'name') return all.sort((a, b) => names[a].localeCompare(names[b]))
    if (state.order === 'errors') return all.sort((a, b) => errors(b) - errors(a))
    return store.data.order[state.order]
  }

  function refresh() {
    hovered = null
    counts = store.counts()
    totals = counts.map(row => row.reduce((a, b) => a + b, 0))
    const all = orderOf()
    rows = state.region === '' ? all : all.filter(i => regions[i] === +state.region)
    // A region's block shows its own classes and whatever else they are taken for.
    columns = state.region === '' ? all : all.filter(j => regions[j] === +state.region || rows.some(i => counts[i][j]))
    cursor = [Math.min(cursor[0], rows.length - 1), Math.min(cursor[1], columns.length - 1)]
    const pen = canvas.getContext('2d')
    pen.font = `600 ${rows.length > 30 ? 11 : 12}px sans-serif`
    const left = 12 + Math.max(...rows.map(i => pen.measureText(title(i)).width))
    const width = root.host.clientWidth, room = (width < BESIDE ? width : width - DETAIL - 24) - left - 4
    box = { size: Math.max(9, Math.min(34, Math.floor(620 / rows.length), Math.floor(room / columns.length))), left, top: 34 }
    const { size } = box
    canvas.style.width = box.left + size * columns.length + 2 + 'px'
    canvas.style.height = box.top + size * rows.length + 2 + 'px'
    draw()
  }

  const title = i => { const text = `${codes[i]} ${names[i]}`; return text.length > 36 ? text.slice(0, 35) + '…' : text }
  const cellOf = ([r, c]) => [rows[r], columns[c]]

  function draw() {
    const color = root.color, { size, left, top } = box, marked = hovered ?? (root.activeElement === canvas ? cursor : null)
    onCanvas(canvas, (pen, w, h) => {
      pen.textBaseline = 'middle'
      const paper = color('paper'), ink = color('ink')
      const strongest = Math.max(1, ...rows.map(i => Math.max(...columns.map(j => counts[i][j]))))
      rows.forEach((i, r) => {
        const y = top + r * size
        pen.font = `${marked?.[0] === r ? '600 ' : ''}${Math.min(12, size - 1)}px sans-serif`
        pen.textAlign = 'right'; pen.fillStyle = color(marked?.[0] === r ? 'text' : 'faint')
        pen.fillText(title(i), left - 6, y + size / 2)
        columns.forEach((j, c) => {
          const n = counts[i][j], share = n / (state.unit === 'share' ? Math.max(1, totals[i]) : strongest), x = left + c * size
          pen.fillStyle = n ? mix(paper, ink, 0.08 + 0.92 * share) : paper
          pen.fillRect(x, y, size - 0.5, size - 0.5)
          if (i === j) { pen.strokeStyle = color('faint'); pen.lineWidth = 0.5; pen.strokeRect(x + 0.5, y + 0.5, size - 1.5, size - 1.5) }
          if (n && size >= 18) {
            pen.font = `${Math.min(11, size / 2.1)}px sans-serif`; pen.textAlign = 'center'
            pen.fillStyle = share > 0.45 ? color('back') : color('text')
            pen.fillText(state.unit === 'share' ? Math.round(100 * n / totals[i]) : n, x + size / 2, y + size / 2)
          }
        })
      })
      pen.font = '600 11px sans-serif'; pen.textAlign = 'right'; pen.fillStyle = color('text')
      pen.fillText('predicted →', left - 6, 10)
      pen.fillText('true ↓', left - 6, 25)
      pen.textAlign = 'left'
      columns.forEach((j, c) => {
        pen.save()
        pen.translate(left + (c + 0.5) * size, top - 5); pen.rotate(-Math.PI / 2)
        pen.font = `${marked?.[1] === c ? '600 ' : ''}${Math.min(11, size - 1)}px sans-serif`
        pen.fillStyle = color(marked?.[1] === c ? 'text' : 'faint')
        pen.fillText(codes[j].length > 5 ? codes[j].slice(0, 4) + '…' : codes[j], 0, 0)
        pen.restore()
      })
      if (state.order === 'region') {
        pen.fillStyle = color('right')
        columns.forEach((j, c) => { if (c && regions[columns[c - 1]] !== regions[j]) pen.fillRect(left + c * size - 1, top, 1, h) })
        rows.forEach((i, r) => { if (r && regions[rows[r - 1]] !== regions[i]) pen.fillRect(left, top + r * size - 1, w, 1) })
      }
      const outline = ([r, c], style, width) => { pen.strokeStyle = style; pen.lineWidth = width; pen.strokeRect(left + c * size - 1, top + r * size - 1, size + 1, size + 1) }
      if (marked) outline(marked, color('text'), 1.5)
      const open = state.cell && [rows.indexOf(state.cell[0]), columns.indexOf(state.cell[1])]
      if (open && Math.min(...open) >= 0) outline(open, color('right'), 2.5)
    })
    const [i, j] = cellOf(marked ?? cursor)
    status.textContent = rows.length && marked ? `true ${title(i)} · predicted ${title(j)}: ${counts[i][j]} of ${totals[i]} clips` + (totals[i] ? ` (${percent(counts[i][j] / totals[i])})` : '')
      : rows.some(i => totals[i]) ? 'click a cell to see its clips, or the name of a class to see its card · lines separate body regions'
      : 'no clip passes the filters'
  }

  const placeOf = event => {
    const c = Math.floor((event.offsetX - box.left) / box.size), r = Math.floor((event.offsetY - box.top) / box.size)
    return r >= 0 && r < rows.length && c < columns.length ? [r, c] : null
  }
  canvas.onpointermove = event => { const place = placeOf(event); hovered = place && place[1] >= 0 ? place : null; canvas.style.cursor = place ? 'pointer' : 'default'; draw() }
  canvas.onpointerleave = () => { hovered = null; draw() }
  canvas.onfocus = canvas.onblur = () => draw()
  canvas.onclick = event => {
    const place = placeOf(event)
    if (!place) return
    canvas.focus({ preventScroll: true })
    if (place[1] < 0) return chosen.class(rows[place[0]])
    cursor = place
    chosen.cell(...cellOf(place))
    draw()
  }
  canvas.onkeydown = event => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
    if (by) cursor = [(cursor[0] + by[0] + rows.length) % rows.length, (cursor[1] + by[1] + columns.length) % columns.length]
    else if (event.key === 'Enter' || event.key === ' ') chosen.cell(...cellOf(cursor))
    else return
    hovered = null
    event.preventDefault()
    draw()
  }
  order.onchange = () => { state.order = order.value; refresh(); store.changed() }
  unit.onchange = () => { state.unit = unit.value; refresh(); store.changed() }
  root.onTheme(() => rows.length && draw())
  new IntersectionObserver(() => rows.length && draw()).observe(canvas)
  return { element, refresh, at: (i, j) => {
    const r = rows.indexOf(i), c = columns.indexOf(j)
    return [box.left + (c + 0.5) * box.size, box.top + (r + 0.5) * box.size]
  } }
}

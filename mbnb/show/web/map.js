// All clips as points: what the model takes for alike lies close together. Pointing at one plays it.

const CATEGORIES = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c8c00', '#6a3d9a', '#7f7f7f', '#a6761d']

function mapPanel(root, store, state, chosen) {
  const { map, clips, classes, scored, people } = store.data
  const kinds = { correct: 'right or wrong', region: 'true region', class: 'true class', predicted: 'predicted class', person: 'person' }
  const color = make('select', { ariaLabel: 'colour of the points' }, ...Object.entries(kinds).map(([key, text]) => make('option', { value: key, textContent: text, selected: key === state.color })))
  const projection = make('select', { ariaLabel: 'projection' }, ...Object.keys(map).map(key => make('option', { value: key, textContent: key, selected: key === state.projection })))
  const canvas = make('canvas', { className: 'map', tabIndex: 0, role: 'application', ariaLabel: 'map of the clips' })
  const legend = make('div', { className: 'legend' }), status = make('div', { className: 'status', ariaLive: 'polite' })
  const peek = make('div', { className: 'peek' }), stage = createStage(root, store.data.scene, { height: 150, bare: true })
  peek.append(stage.element)
  const element = make('div', {}, make('div', { className: 'bar' }, make('label', {}, 'colour', color), make('label', {}, 'projection', projection)),
    make('div', { className: 'mapped' }, canvas, peek), legend, status)
  let hovered = null, shown = new Set(), cursor = null

  const group = i => ({
    correct: i >= scored ? 2 : +(store.predicted(i) !== clips.label[i]), region: classes.regions[clips.label[i]], class: clips.label[i],
    predicted: i < scored ? store.predicted(i) : clips.label[i], person: clips.person[i],
  })[state.color]
  const names = () => ({ correct: ['right', 'wrong', 'of training'], region: classes.region_names, class: classes.codes, predicted: classes.codes, person: people })[state.color]
  const paint = k => state.color === 'correct' ? [root.color('good'), root.color('bad'), root.color('faint')][k]
    : k < CATEGORIES.length && names().length <= CATEGORIES.length ? CATEGORIES[k] : `hsl(${k * 137.5 % 360} 65% ${[38, 52, 66][k % 3]}%)`

  function place(i) {
    const [x, y] = map[state.projection][i], { clientWidth: w, clientHeight: h } = canvas
    return [10 + x * (w - 20), 10 + y * (h - 20)]
  }
  function draw() {
    onCanvas(canvas, pen => {
      clips.label.forEach((_, i) => {
        if (i < scored && !shown.has(i)) return
        const [x, y] = place(i)
        pen.fillStyle = pen.strokeStyle = paint(group(i))
        if (i >= scored) { pen.globalAlpha = 0.55; pen.fillRect(x - 1.5, y - 1.5, 3, 3); pen.globalAlpha = 1; return } // clips of training
        pen.beginPath(); pen.arc(x, y, 3.5, 0, 7)
        if (store.predicted(i) === clips.label[i]) pen.fill()
        else { pen.lineWidth = 1.6; pen.stroke() }
      })
      for (const [i, style] of [[hovered, 'text'], [state.clip, 'right']]) if (i != null) {
        const [x, y] = place(i)
        pen.beginPath(); pen.arc(x, y, 7, 0, 7); pen.lineWidth = 2; pen.strokeStyle = root.color(style); pen.stroke()
      }
    })
  }
  function fillLegend() {
    const used = new Set(clips.label.map((_, i) => group(i)))
    legend.replaceChildren(...names().flatMap((name, k) => used.has(k) ? [make('span', {}, make('i', { style: `background: ${paint(k)}` }), name)] : []),
      make('span', { textContent: '○ wrong · ● right · ▪ nearest clips of training' }))
  }
  function refresh() { shown = new Set(store.shown()); fillLegend(); draw() }
  function hover(i) {
    if (i === hovered) return
    hovered = i
    peek.style.visibility = i == null ? 'hidden' : 'visible'
    if (i != null) stage.show([store.clip(i, '')])
    stage.play(i != null)
    status.textContent = i == null ? 'point at a clip to see it move, click to see its neighbours' : store.describe(i)
    draw()
  }
  canvas.onpointermove = event => {
    let best = null, nearest = 100
    clips.label.forEach((_, i) => {
      if (i < scored && !shown.has(i)) return
      const [x, y] = place(i), far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2
      if (far < nearest) [best, nearest] = [i, far]
    })
    hover(best)
  }
  canvas.onpointerleave = () => hover(null)
  canvas.onclick = () => { if (hovered != null) { chosen.clip(hovered); draw() } }
  canvas.onkeydown = event => {
    const all = [...shown], at = all.indexOf(cursor), by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (by) hover(cursor = all[(at + by + all.length) % all.length])
    else if (event.key === 'Enter' && cursor != null) chosen.clip(cursor)
    else return
    event.preventDefault()
  }
  color.onchange = () => { state.color = color.value; refresh(); store.changed() }
  projection.onchange = () => { state.projection = projection.value; draw(); store.changed() }
  root.onTheme(() => shown.size && refresh())
  new ResizeObserver(() => shown.size && draw()).observe(canvas)
  hover(null)
  status.textContent = 'point at a clip to see it move, click to see its neighbours'
  peek.style.visibility = 'hidden'
  return { element, refresh, at: place }
}

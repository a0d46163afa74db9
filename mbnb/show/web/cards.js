// A class on one card: its scores, what it is confused with, what moves in it and when, and three of its clips.

const CARD_STYLE = `
.card h3 { margin: 4px 0; font-size: 15px; }
.card table { border-collapse: collapse; }
.card td, .card th { padding: 2px 8px; text-align: left; border-bottom: 1px solid var(--line); font-weight: normal; }
.card td { font-variant-numeric: tabular-nums; }
.card .facts { display: flex; flex-wrap: wrap; gap: 8px 28px; align-items: flex-start; }
.card canvas.profile { width: 300px; cursor: default; }
.card .faint { color: var(--faint); }
`

function classCard(root, store, id, stage, choose) {
  const { classes, cards, scene } = store.data, card = cards[id]
  const list = pairs => pairs.length ? make('span', {}, ...pairs.flatMap(([other, count], k) => {
    const text = `${store.title(other)} (${count})`
    return [k ? ', ' : '', choose && count ? make('button', { className: 'plain', type: 'button', textContent: text, onclick: () => choose(other, pairs) }) : text]
  })) : '–'
  const row = (name, value) => make('tr', {}, make('th', { textContent: name }), make('td', {}, value))
  const interval = card.low == null ? '' : ` (${Math.round(100 * card.low)} – ${Math.round(100 * card.high)} %)`
  const profile = make('canvas', { className: 'profile', role: 'img', ariaLabel: 'speed of the joints over the clip' })
  const place = { typical: 'most typical', borderline: 'borderline', wrong: 'wrong' }
  const shown = Object.keys(place).filter(key => card[key] != null).map(key => store.clip(card[key], `${place[key]}: ${store.short(card[key])}`))
  stage.show(shown)
  const element = make('div', { className: 'card' },
    make('h3', { textContent: `${store.title(id)} · ${classes.region_names[classes.regions[id]]}` }),
    make('div', { className: 'facts' },
      make('table', {}, row('clips', String(card.support)), row('F1', percent(card.f1) + interval), row('recall', percent(card.recall)),
        row('precision', percent(card.precision)), row('most often taken for', list(card.taken_for)), row('others taken for it', list(card.false_alarms))),
      make('div', {}, make('div', { className: 'faint', textContent: 'what moves, from the clip’s beginning to its end (strong: fast for this joint)' }), profile)))
  const line = 9
  profile.style.height = line * scene.joints.length + 16 + 'px'
  const draw = () => profile.isConnected && onCanvas(profile, (pen, w, h) => {
    if (!card.profile) return
    const left = 92, steps = card.profile[0].length
    pen.font = '9px sans-serif'; pen.textBaseline = 'middle'
    card.profile.forEach((values, j) => {
      pen.fillStyle = root.color('faint'); pen.textAlign = 'right'
      pen.fillText(scene.joints[j], left - 4, line * (j + 0.5))
      values.forEach((value, k) => {
        pen.fillStyle = mix(root.color('paper'), root.color('ink'), value / 255)
        pen.fillRect(left + (w - left) * k / steps, line * j, (w - left) / steps + 0.4, line - 0.5)
      })
    })
    pen.fillStyle = root.color('faint'); pen.textAlign = 'left'; pen.fillText('start', left, h - 7)
    pen.textAlign = 'right'; pen.fillText('end', w, h - 7)
  })
  root.onTheme(draw)
  new ResizeObserver(draw).observe(profile)
  return element
}

// The page of one class: the card with its players.
async function mountCard(host, model) {
  const data = model.get('data'), root = openRoot(host, STYLE + EXPLORER_STYLE + CARD_STYLE)
  const stage = createStage(root, data.scene, { height: 300 }), store = openStore(data, await unpack(model.get('poses'), data.clips, data.scene.joints.length))
  root.append(classCard(root, store, data.card, stage), stage.element)
}

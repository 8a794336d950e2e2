// SPDX-License-Identifier: GPL-2.0-only
// What use.py asks in the page; answers are JSON.

// What axe-core finds, by all rules but those of level AAA and one that only says that
// something is hidden.
async function axeFinds() {
	const wanted = rule => rule.ruleId != "hidden-content" &&
		!rule.tags.some(tag => ["wcag2aaa", "deprecated"].includes(tag));
	const found = await axe.run(document, {
		resultTypes: ["violations", "incomplete"],
		rules: Object.fromEntries(axe.getRules().map(rule =>
			[rule.ruleId, {enabled: wanted(rule)}]))
	});
	return JSON.stringify({
		rules: axe.getRules().length,
		passes: found.passes.length,
		wrong: [...found.violations, ...found.incomplete].map(rule => ({
			id: rule.id, help: rule.help, sure: found.violations.includes(rule),
			where: rule.nodes.slice(0, 3).map(node => node.target.join(" "))
		}))
	});
}

// Luminance as WCAG defines it
function luminance(colour) {
	const part = colour.match(/[\d.]+/g).slice(0, 3).map(n => n / 255).map(n =>
		n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
	return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
}

// How far text and shapes of maps are from the page's colour, and how far they have to be
function contrasts() {
	const page = luminance(getComputedStyle(document.body).backgroundColor);
	const ratio = colour => {
		if (!colour.startsWith("rgb"))
			return 0;	// none, or a pattern
		const own = luminance(colour);
		return (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05);
	};
	const found = {};
	for (const node of document.querySelectorAll(".map text, .map rect[class]")) {
		const style = getComputedStyle(node), text = node.tagName == "text";
		const name = `${node.tagName} ${node.getAttribute("class") || ""}`.trim();
		found[name] = text ? [ratio(style.fill), 4.5] :
			[Math.max(ratio(style.fill), ratio(style.stroke)), 3];
	}
	return JSON.stringify(found);
}

function unfold() {
	for (const part of document.querySelectorAll("details"))
		part.open = true;
}

function count(links) {
	return document.querySelectorAll(links).length;
}

// Follow a link, and say what is at its end, and whether it is on the screen.
async function follow(links, index) {
	document.querySelectorAll(links)[index].click();
	for (let i = 0; i < 2; i++)
		await new Promise(requestAnimationFrame);
	const target = document.querySelector(":target");
	if (!target)
		return JSON.stringify({id: "", is: "", seen: false, text: ""});
	const box = target.getBoundingClientRect();
	const seen = target.checkVisibility({contentVisibilityAuto: true}) && box.height > 0 &&
		box.top < innerHeight && box.bottom > 0;
	return JSON.stringify({id: target.id, is: target.tagName, seen,
		text: target.textContent.slice(0, 200)});
}

/// The forms of requests that carry a title or point at a task. The first that fits wins, so the special stands
/// before the general.
enum Grammar {
    /// Forms of "I have to …": what follows is a to-do, whatever verb it begins with ("I need to finish the report"),
    /// unless it points at a task or a list without doubt ("I need to delete task 3").
    private typealias Form = (form: String, meaning: Pattern.Meaning)

    private static let softForms: [Form] = [
        ("remind me [again] to {text}", .remind),
        ("remind me that i|we need|have|ought to {text}", .remind),
        ("remind me i|we need|have|ought to {text}", .remind),
        ("remind me {when} to {text}", .remind),
        ("remind me {when} that|about {text}", .remind),
        ("<nudge> me {when} to|about|that|for|of {text}", .remind),
        ("<nudge> me to|about|for|of {text}", .remind),
        ("be reminded {when} to|about|that|of {text}", .remind),
        ("be reminded to|about|of|for {text}", .remind),
        ("remind me about|of|that|for {text}", .remind),
        ("remind me [:] {text}", .remind),
        ("reminder to|for|about [:] {text}", .remind),
        ("reminder : {text}", .remind),
        ("<add> a|an|another|one|some [new] reminder to|for|about|of|that [:] {text}", .remind),
        ("<add> [new] reminder to|for|about|of|that|: [:] {text}", .remind),
        ("set|give|leave me a reminder to|for|about [:] {text}", .remind),
        ("make|take|write|leave a note to|that|of [:] {text}", .add),
        ("make|take note to|that|of [:] {text}", .add),
        ("note to self [:] {text}", .add),
        ("dont|do|never [not] let me forget to|about|that [:] {text}", .remind),
        ("dont|never [let] forget to|about|that [:] {text}", .add),
        ("dont|never let me forget [:] {text}", .remind),
        ("dont|never forget [:] {text}", .add),
        ("do not forget [to|about|that] [:] {text}", .add),
        ("help me [to] remember to|that|about {text}", .add),
        ("help me [to] remember {text}", .add),
        ("remember [that|to] i|we need|have to {text}", .add),
        ("remind me|us to {text}", .remind),
        ("remember me|us to {text}", .remind),
        ("remind to|about {text}", .remind),
        ("remember to|that|about [:] {text}", .add),
        ("remember [:] {text}", .add),
        ("i|we also need|want [:] {text}", .add),
        ("i|we [really|still|also|just] need|have|ought|has|needs to|too [:] {text}", .add),
        ("ive|weve [also|still] got to [:] {text}", .add),
        ("ive|weve to {text}", .add),
        ("i|we [really|still|also] must|gotta [to] [:] {text}", .add),
        ("i|we [have] got to [:] {text}", .add),
        ("i have got to {text}", .add),
        ("gotta|must {text}", .add),
        ("need|have to [:] {text}", .add),
        ("make sure i|we|to|that {text}", .add),
        ("i|we shouldnt|should not forget to {text}", .add),
        ("i mustnt|cant forget to {text}", .add),
        ("i must|can not forget to {text}", .add),
    ]

    /// What stands for a whole clause and is looked for before anything else.
    private static let wholeForms: [Form] = [
        // Taking back.
        ("undo|undelete|revert|reverse [<they>]", .fixed(.undo)),
        (
            "undo|revert|reverse [my|the|your|that] [very] last|latest|previous [one|thing|change|changes|action|step|command|edit]",
            .fixed(.undo)
        ),
        ("undo|revert|reverse the|that|this|your [change|changes|deletion|thing|action]", .fixed(.undo)),
        ("undo what i|you [just] did", .fixed(.undo)),
        ("bring|get|put|give [me] <they> [all] back", .fixed(.undo)),
        ("bring|get|give [me] back <they>", .fixed(.undo)),
        ("restore|recover <they>", .fixed(.undo)),
        ("take <they> back", .fixed(.undo)),
        ("i|we want|need <they> [all] back", .fixed(.undo)),
        ("[oh] [no] i didnt mean|want to do|delete|remove|complete|add|change|mark <they>", .fixed(.undo)),
        ("<they> was|were [a|an] mistake|accident|wrong", .fixed(.undo)),
        ("ctrl+z|ctrlz", .fixed(.undo)),
        ("redo [it|that|this|everything] [again]", .fixed(.without(.redo))),
        ("[its|it|thats|that] [is] not <done> [yet] [sorry]", .fixed(.complete(.it, false))),

        // Not needed: done or deleted is not said.
        ("i|we dont [really] need|want {ref} anymore|now", .dropped),
        ("i|we dont [really] need|want {ref} any more|longer", .dropped),
        ("i|we do not need|want {ref} anymore", .dropped),
        ("i|we do not need|want {ref} any more|longer", .dropped),
        ("i|we dont need|have to {ref}", .dropped),
        ("i|we dont need {ref}", .dropped),
        ("i|we no longer need|want|have to {ref}", .dropped),
        ("no longer need|want|have to {ref}", .dropped),
        ("no longer need|want {ref}", .dropped),
        ("i|we no longer need|want {ref}", .dropped),
        ("{ref} is|are no longer needed|necessary|relevant|required", .dropped),
        ("{ref} isnt|arent needed|necessary|relevant|required [anymore]", .dropped),
        ("{ref} isnt|arent needed|necessary|relevant|required any more|longer", .dropped),
        ("no need to|for {ref} [anymore|now]", .dropped),
        ("no need to|for {ref} any more|longer", .dropped),
        ("i|we wont [be] [going] [to] {ref} after all", .dropped),
        ("im|were not [going] [to] {ref} after all", .dropped),
        ("{ref} is|are|was|were|has|have [been] [now] called off", .dropped),
        ("{ref} has|have been [now] cancelled|canceled|scrapped|dropped", .dropped),
        ("{ref} is|are|was|were [now] cancelled|canceled|off|scrapped", .dropped),
        ("stop reminding me [any] [about|of|to|that] {ref}", .dropped),
        ("dont|do [not] remind me [about|of|to|that] {ref} anymore", .dropped),
        ("dont|do [not] remind me [about|of|to|that] {ref} any more|longer", .dropped),
        ("no more reminders about|for|of|to {ref}", .dropped),
        ("dont repeat {ref} any more|longer", .unrepeat),
        ("dont|never [ever] repeat {ref} [anymore|again]", .unrepeat),
        ("do not repeat {ref} [anymore|again]", .unrepeat),
        ("stop repeating {ref}", .unrepeat),

        // Corrections.
        (
            "no|nope|sorry|oops [:] [no] [not] [that|this] [one] [:] [i] [meant|mean] the other [one|task]",
            .fixed(.correct(.other))
        ),
        ("[not] [that] [:] [i] [meant|mean] the other one|task [please]", .fixed(.correct(.other))),
        ("[no] [:] [thats] [the] wrong one|task", .fixed(.correct(.other))),
        ("[no|sorry|oops] [:] [actually] i meant|mean {date}", .correctWhen),
        ("no|sorry|oops|nope [:] [not] [on] {date}", .correctWhen),
        ("[no] [:] not {date} [but] {date}", .correctWhen),
        ("[no|sorry|oops] [:] [actually] i meant|mean {text}", .correctWords),

        // When it is due.
        ("what time is it [now|please]", .fixed(.unknown("what time is it"))),
        ("when do|must|should|did|have i|we [have|need|want] [to] [do] {ref} [due|again|next|by]", .get),
        ("when is|are|was|must|should|does {ref} [due|again|next|happening|end|start]", .get),
        ("when is|are|was {ref} due again|next", .get),
        ("whens {ref} [due|again|next]", .get),
        ("what|which day|time|date is|are|was {ref} [due] [again|at|on]", .get),
        ("how many minutes|hours|days|weeks|months [is|are] [it|there] [left] until|till|to|before {ref}", .get),
        ("how long [is|do] [it|i] [have|left] until|till|to|before|for {ref}", .get),
        ("is|are {ref} due [on|at|by] {date}", .get),

        // What has these words.
        (
            "which|what <task>|ones|one [do|are] [i] [that] [have|has] have|has|contain|contains|mention|mentions|include {ref}",
            .having
        ),
        ("which|what <task>|ones|one [are|is] about|containing|mentioning {ref}", .having),
        ("<asking> [me] [all] [my|the] <task>|ones with|about|containing|mentioning {ref}", .having),

        // Due, added and finished in some days.
        (
            "<asking> [are] [me] [my|the|all] reminders [do|are] [i] [have|set|got|there] [set|up]",
            .fixed(.list(.due(.ever)))
        ),
        ("do|have i|we [have|got] [any] reminders [set]", .fixed(.list(.due(.ever)))),
        ("[any|my|list|are] [my|there|any] reminders [set]", .fixed(.list(.due(.ever)))),
        ("what|how about [for|on] {span}", .due),
        (
            "<asking> [is|are] [my|the|coming] next appointment|appointments|deadline|deadlines|reminder|due",
            .fixed(.list(.due(.ever)))
        ),
        ("how many [<task>|things] did|have i|we add|added|create|created {span}", .added),
        ("<asking> [is|are|me|all] [my|the] [<task>|everything] [that|which] [is|are] [coming] due {span}", .due),
        ("<asking> [is|are|me|all] [my|the] [<task>|everything] [that|which] [is|are] due", .fixed(.list(.due(.ever)))),
        ("anything|is|are|any|do [anything|there|i] [have] [anything|any] [<task>] due {span}", .due),
        ("[<task>] due {span}", .due),
        ("<asking> do|have i|we have|got|need [to] [do|due|planned|scheduled|on|coming] [up] {span}", .due),
        (
            "<asking> [is|are|me] [my|the] [on|up|happening|planned|scheduled|coming|agenda|plan|list|schedule|<task>] [up] {span}",
            .due
        ),
        ("<asking> [me] [all] [my|the] overdue|late [<task>|ones|stuff]", .fixed(.list(.overdue))),
        ("<asking> [is|are|<task>] [is|are] overdue|late|past [due]", .fixed(.list(.overdue))),
        ("[my|any] overdue [<task>]", .fixed(.list(.overdue))),
        ("anything|is [anything] overdue|late", .fixed(.list(.overdue))),
        ("what [<task>] did|have i|we miss|missed|forget|forgotten", .fixed(.list(.overdue))),
        (
            "<asking> [me] [what|everything|all] [<task>] [that|which] [did|have] [i|we] [have] add|added|create|created|put [on|in] [my] [list] {span}",
            .added
        ),
        ("[<task>] [that] [i] added|created {span}", .added),
        (
            "<asking> [me] [what|everything|all] [<task>] [that|which] [did|have] [i|we] [have] [already] do|done|did|finish|finished|complete|completed|ticked|accomplished [off] {span}",
            .finished
        ),
        (
            "how many [<task>|of] [them] [did|have|are|were|got] [i|we] [already] do|done|finish|finished|complete|completed|ticked [off] [<task>] {span}",
            .finished
        ),
        ("[what] [was|is|got] done|finished|completed {span}", .finished),
        ("how many [<task>] did i [get] done|finish|finished|complete {span}", .finished),
        ("how many [<task>] [do|have] [i] [have|got] [are] [there] in total|all|sum", .fixed(.list(.all))),
        ("how many [<task>] [do|have|are] [i|there] [have|got] altogether|overall|total", .fixed(.list(.all))),

        // The task spoken of, at another time.
        ("remind me [again] {date}", .remindOf),
        ("remind me [again] of|about {id} [again] {date}", .remindOf),
        ("remind me again of|about|to {ref} {date}", .remindOf),
        ("remind me of|about|to {ref} again {date}", .remindOf),
        ("remind me {date} [again] of|about {id}", .remindOf),
        ("snooze|postpone [for|by|to|until|till] {date}", .reschedule),
        ("snooze|postpone", .reschedule),

        // What there is none of.
        (
            "can|could|do|will you add|put|sync|save|write|export|connect [a|my|the] [things|something|events|event|it|them|stuff|tasks|dates] to|with|into|in [a|my|the] [google|outlook|apple] calendar|calendars",
            .fixed(.without(.calendars))
        ),
        (
            "can|do|will you speak|understand|know [any|other|another] [languages|language|german|french|spanish|italian|portuguese|chinese|japanese|polish|dutch|russian|turkish] [too]",
            .fixed(.without(.languages))
        ),
        ("{ref} is|are [very|really|super|so] urgent|important", .fixed(.without(.priorities))),
        (
            "sort|order|arrange|reorder|rearrange [my|the|it|them|this|these|all] [<list>|<task>|<they>]",
            .fixed(.without(.sorting))
        ),
        (
            "sort|order|arrange|group|show|list [my|the|it|them|me] [<list>|<task>|<they>] [sorted] by {note}",
            .fixed(.without(.sorting))
        ),
        (
            "sort|order|arrange [my|the|it|them|this|these|all] [<list>|<task>|<they>] alphabetically",
            .fixed(.without(.sorting))
        ),
        ("move {id} to|up|down [the] [top|bottom|up|down|first|last|front|end]", .fixed(.without(.sorting))),
        (
            "do|can you|i|we have|set|use|give|add|know [support] [a|the|any] priorities|priority",
            .fixed(.without(.priorities))
        ),
        (
            "set|change|give|make|raise|lower [the] priority of|for {ref} [to] [a] [high|low|top|medium|urgent|normal|1|2|3]",
            .fixed(.without(.priorities))
        ),
        (
            "set|change|give|make [the] priority [to] [high|low|top|medium|urgent|normal|1|2|3] for|of|on {ref}",
            .fixed(.without(.priorities))
        ),
        (
            "<mark> {ref} [as|to|a|with] [the] [very|most|high|highest|low|lowest|top|medium] urgent|important|priority",
            .fixed(.without(.priorities))
        ),
        ("prioritize|prioritise|flag|star|pin {ref}", .fixed(.without(.priorities))),
        (
            "<asking> [is|are|me] [my|the] [most] important|urgent|high|top [priority] [<task>|one|ones|priorities]",
            .fixed(.without(.priorities))
        ),
        (
            "do|can you|i|we have|set|use|add|know [support] [any|a] tags|tag|labels|label|categories|category|folders|projects",
            .fixed(.without(.tags))
        ),
        ("tag|label|categorize|categorise {ref} [as|with|:] [:] {text}", .fixed(.without(.tags))),
        ("add|put|set [a|the] tag|label|category {text}", .fixed(.without(.tags))),
    ]

    private static let hardForms: [Form] = [
        // No time any more.
        ("remove|delete|clear|drop|cancel|take [away|off|out] [the] [due] <time> of|from|for|on {ref}", .undate),
        ("remove|delete|clear|drop|cancel|forget [the|its] due|deadline [date|time]", .undate),
        ("no|without due|deadline [date] for|on {ref}", .undate),
        ("{ref} has|needs no [due] <time>", .undate),
        ("{ref} doesnt have|need a [due] <time>", .undate),
        ("{ref} should|does not repeat|recur [anymore]", .unrepeat),
        ("make {ref} a one time|off [thing|task]", .unrepeat),
        ("make {ref} not repeat|repeating|recurring|recur", .unrepeat),
        ("make|set|change|have {ref} [to] [repeat|recur|be] {date}", .repeats),
        ("{ref} should repeat|recur|be {date}", .repeats),
        ("{ref} repeats|recurs {date}", .repeats),

        // Moving to another time, before names and notes.
        ("put {ref} off [to|till|until|for|by] {date}", .reschedule),
        ("put off {ref} to|till|until|for|by {date}", .reschedule),
        ("{ref} can|could|should|must|will|has [to] wait [till|until|to|for] {date}", .reschedule),
        (
            "{ref} must|has|have|needs|need [to] be done|finished|completed|ready|due|submitted|sorted|sent|paid|handed [in] [by|before|on|until|at] {date}",
            .reschedule
        ),
        (
            "{ref} was|were|is|are|has|have|got [been] moved|postponed|rescheduled|pushed|delayed|shifted [back|out] [to|until|till|by] {date}",
            .reschedule
        ),
        ("{ref} isnt|arent [due] until|till|before {date}", .reschedule),
        ("{id} on|by|at|for|until|till|before {date}", .reschedule),
        ("<move>|make {id} [back|forward|forwards|out|over|due] [for|on|at|by] {date}", .reschedule),
        ("<move> [the] [due] date|time|deadline|day|reminder of|for|on {ref} to|as|: [:] {date}", .reschedule),
        ("<move> {ref} [due] date|time|deadline|day to|as|: [:] {date}", .reschedule),
        ("<move> {ref} [back|forward|forwards|out|over|due] [from] to|until|till [be] [due] {date}", .reschedule),
        ("<delay>|move|shift {ref} [back|forward|forwards|out|over] [for|by|on|at] {date}", .reschedule),
        ("{ref} is|are|should [now|be] due [on|at|by] {date}", .reschedule),
        ("{id} should|must [really|actually] be [on|at|by|due] {date}", .reschedule),
        ("<delay> {ref}", .reschedule),

        // Notes, before everything that begins with "add".
        ("<attach> [a|the|this|another] <note> to|on|for|in|under|at {ref} : {text}", .note),
        ("<attach> [a|the|this|another] <note> to|on|for|in {ref} saying|says|say|that [that|says] [:] {text}", .note),
        ("<attach> [a|the|this|another] <note> to|on|for|in|under|at {id} {text}", .note),
        ("<attach> to [the] description|note|notes of|for|on {ref} : {text}", .note),
        ("add|append to my|the|our [todo|task|shopping] <list> [the] [following] [:] {text}", .add),
        ("add|append to <list> [:] {text}", .add),
        ("add|append this|these|that|the [following] [new] [<task>] [to] [my|the] [todo] [<list>] : {text}", .add),
        ("add|leave|write|attach|put a|the|this note|comment|description : {text}", .note),
        ("add|append to {ref} : {text}", .note),
        ("<attach> [a|the] note|description|comment [:] {note} to|on {id}", .note),
        ("note|comment|description|notes on|for|to|of {ref} : {text}", .note),
        ("note|comment|description|notes on|for|to|of {id} [:] {text}", .note),
        ("{id} note|notes|comment : {text}", .note),
        ("{id} description : {text}", .describe),
        ("describe {ref} as|with|: {text}", .describe),
        ("describe {ref} : {text}", .describe),
        ("<edit> [the] <note> of|for|on|in {ref} to|with|as [:] {text}", .describe),
        ("<edit> [the] <note> of|for|on|in {ref} : {text}", .describe),
        ("<edit> {id} <note> to|with|as|: [:] {text}", .describe),
        ("update|edit|change {ref} with [a|the] note|description|comment [:] {text}", .note),

        // Renaming.
        ("<edit> [the] <title> of|for|on {ref} to|into|as [:] {text}", .retitle),
        ("<edit> [the] <title> of|for|on {ref} : {text}", .retitle),
        ("<edit> {ref} <title> to|into|as [:] {text}", .retitle),
        ("!rename|retitle|reword {ref} to|as|into|with [:] {text}", .retitle),
        ("rename|retitle|reword {ref} : {text}", .retitle),
        ("rename|retitle|reword {id} {text}", .retitle),
        ("change|edit|update|modify|correct|amend|adjust {ref} to|into [:] {text}", .rename),
        ("change|edit|update|modify|correct|amend {ref} : {text}", .rename),
        ("set|turn|switch|fix|make {id} to|into|say|read|be|: [:] {text}", .rename),
        ("set|turn|switch|fix {id} to|into [:] {text}", .rename),
        ("replace {ref} with|by [:] {text}", .rename),
        ("{id} should [really|actually] be|say|read [called] [:] {text}", .rename),
        ("{id} should be called [:] {text}", .retitle),
        ("the|its <title> should|must [really|actually] be|read|say [:] {text}", .retitle),
        ("call {id} [:] {text}", .retitle),

        // Told in passing.
        (
            "{ref} i|ive|we|weve [have] [already|just] did|done|handled|finished|sorted that|it|this|them [already|yesterday|today]",
            .did
        ),
        ("{ref} [is|are] all taken care of", .did),
        ("{ref} is|are [now|already|all] taken care of", .did),
        ("{ref} is|are [now|already|all] out|in|away|over|gone|ready|sorted|handled", .did),

        // Not done after all; before "done".
        ("!<mark> {ref} [back] as|to|- [be] not|un [yet] <done>", .reopen),
        ("!<mark> {ref} [back] as|to|- <undone>", .reopen),
        ("mark {ref} not [yet] <done>", .reopen),
        ("mark {ref} <undone>", .reopen),
        ("mark as not <done> [:] {ref}", .reopen),
        ("mark as <undone> [:] {ref}", .reopen),
        ("<reopen> [:] {ref}", .reopen),
        ("un|re complete|check|tick|mark|finish|open|do {ref}", .reopen),
        ("not <done> [:|with] {ref}", .reopen),
        ("put {ref} back [on|to|in|into|onto] [my|the] [todo] [list]", .reopen),
        ("bring|get {ref} back", .reopen),
        ("bring back {ref}", .reopen),
        ("open {id} again", .reopen),
        ("i|we [actually|still] didnt|havent|hadnt [actually|really] <done> [with] {ref}", .reopen),
        ("i|we [actually|still] didnt|havent|hadnt [actually|really] do {ref}", .reopen),
        ("i did|have not [actually|really] <done> [with] {ref}", .reopen),
        ("i|we [actually|still] didnt|havent [actually|really] {ref} yet", .reopen),
        ("im not <done> with {ref}", .reopen),
        ("{ref} isnt|arent|wasnt [actually|really] <done>", .reopen),
        ("{ref} is|was|are not [actually|really] <done>", .reopen),
        ("{ref} not <done>", .reopen),
        ("{ref} is|are still <undone>", .reopen),

        // Done.
        ("!<mark> {ref} [off] [as|to|is|-|=] [be] [now] [all] <done>", .complete),
        ("!mark|set|flag|check [off] [as] <done> [:] {ref}", .complete),
        ("mark|check|tick|cross|strike|scratch|cross off|out {ref}", .complete),
        ("<tick> off|out {ref} [from|on|of|off] [my|the] [todo] [list]", .complete),
        ("<tick> {ref} off|out [of|from|on] [my|the] [todo] [list]", .complete),
        ("complete [task] [:] {ref}", .complete),
        ("completed|finished [with] [:] {ref}", .complete),
        ("done with [:] {ref}", .complete),
        ("done [:] {ref}", .complete),
        ("✓|✔|✅|☑ {ref}", .complete),
        ("all done|finished with {ref}", .complete),
        ("i|ive|we|weve|im [am|have] [<already>] [<already>] <finished> [up] [with|doing] {ref}", .complete),
        ("i|we [just|finally|already] got {ref} <done>", .complete),
        ("got {ref} <done>", .complete),
        ("{ref} is|are|has|have|was|were [been] [now|already|all|finally] <done>", .complete),
        ("{ref} [as|is|=] [now|already|all|finally] done|completed|finished|✓|✔|✅|☑", .complete),
        ("check|tick|finish|close|resolve|finalize|do {id}", .complete),

        ("make it [:] {text}", .rename),
        ("rename|retitle|edit|update|change|modify {id}", .renameToWhat),

        // Deleting.
        ("delete|remove|erase|del|rm|trash|discard|eliminate [:] {ref}", .delete),
        ("get rid of {ref}", .delete),
        ("take {ref} off|from|out [of] [my|the] [todo] <list>", .delete),
        ("take off {id}", .delete),
        ("throw {id} away|out", .delete),
        ("throw away|out {id}", .delete),
        ("drop|cancel|kill|scrap|clear|forget|purge|ditch|dump|bin|wipe|nuke {id}", .delete),
        ("forget about {id}", .delete),

        // Adding.
        (
            "add|append|write [down] [the|these|those|a|my] [following|few|couple] two|three|four|five|six|several|some|few|more|of|new|following [new] <task> : {text}",
            .add
        ),
        ("pencil|slot|squeeze in [:] {text}", .add),
        ("<create> [me] <one> [new] <task> <called> [says] [:] {text}", .add),
        ("<make> [<one>] new <task> [<called>] [:] {text}", .add),
        ("add|create|insert|append [<one>] <task> [<called>] [:] {text}", .add),
        ("add|insert|append [in] [also] [:] {text}", .add),
        ("create [:] {text} on|in|to my|the [todo|task] <list>", .add),
        ("create : {text}", .add),
        ("<put> {ref} [down] on|in|into|onto|to my|the|our [todo|task|shopping|grocery] <list>", .add),
        ("put|stick|throw|pop|chuck {ref} on|in there|it", .add),
        ("put|jot|write|note down [that] [:] {text}", .add),
        ("jot [:] {text}", .add),
        ("new task|todo|item|entry|one [:] {text}", .add),
        ("new : {text}", .add),
        ("todo|task|tasks|todos|note [item] : {text}", .add),
        ("to do : {text}", .add),
        ("my|the|our|another [new] todo|task|tasks|todos|list [for] [today|tomorrow] : {text}", .add),
        ("things to do [today|tomorrow] : {text}", .add),

        // Asking about one.
        ("tell me [more] [everything] about {ref}", .get),
        ("tell me {id}", .get),
        ("more [info] [details] about|on {ref}", .get),
        ("what|how about {id}", .get),
        ("what|how about my|the {ref}", .get),
        ("show|view|read|get|display|see|describe|inspect|explain [me] {id}", .get),
        ("show|view|read|get|display|see|give [me] [the] [full] <note> [about|of|for|on] {ref}", .get),
        ("details|info|description|status of|on|for|about {id}", .get),
        ("whats|what [is|was] {id}", .get),
        ("whats|what [is] [the] status|description|note|deadline|details|state of|for|on|with {ref}", .get),
        ("whats|what is [the] [deal] with {id}", .get),
        ("what [does|did] {id} say", .get),
        ("what [does|did|do] {ref} <note> say", .get),
        ("what [does|did] [the] <note> of|on|for {ref} say", .get),
        ("is|are|was {ref} [already|still] [not] done|completed|complete|finished|open|there", .get),
        ("is|are {ref} [already|still] on|in my|the|our [todo] <list>", .get),
        ("do i have {ref} on|in my|the [todo] <list>", .get),
        ("did|have i [already] finish|do|done|complete|completed|finished|add|added {ref}", .get),
        ("did|have i|we [already] {ref}", .get),
        ("find|search|lookup [for] {ref}", .get),
        ("look for|up {ref}", .get),
    ]

    private static let whole = wholeForms.map { Pattern($0.form, $0.meaning) }
    private static let soft = softForms.map { Pattern($0.form, $0.meaning) }
    private static let hard = hardForms.map { Pattern($0.form, $0.meaning) }

    /// By first word, in order; patterns that begin with a reference are in `open`.
    static let byHead: [String: [Pattern]] = index(hard)
    static let open: [Pattern] = hard.filter { $0.heads == nil }
    static let softByHead: [String: [Pattern]] = index(soft)
    static let wholeByHead: [String: [Pattern]] = index(whole)
    static let wholeOpen: [Pattern] = whole.filter { $0.heads == nil }

    private static func index(_ patterns: [Pattern]) -> [String: [Pattern]] {
        var table: [String: [Pattern]] = [:]
        for pattern in patterns {
            for head in pattern.heads ?? [] { table[head, default: []].append(pattern) }
        }
        return table
    }
}

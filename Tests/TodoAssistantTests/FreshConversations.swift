/// The same again, written after the grammar had learnt from ``BlindConversations``.
enum FreshConversations {
    static let table = #"""
        # evening
        > hi there => Hello! What shall I put on your list? You can also ask “what
        > I should really call the insurance people tomorrow => I'm not sure what to do with that. I can add, show, rename,
        > yes please => Added #1 “call the insurance people” to your list, due tomor
        = 1 call the insurance people @2026-12-02T23:59:00.000Z
        > and I've got to book the car in for its MOT next Thursday at 8 => Added #2 “book the car in for its MOT” to your list, due Thu
        = 1 call the insurance people @2026-12-02T23:59:00.000Z; 2 book the car in for its MOT @2026-12-10T08:00:00.000Z
        > what's on for tomorrow? => You have 1 task due tomorrow:
        > insurance is done => Done: #1 “call the insurance people”. Well done!
        = 1x call the insurance people @2026-12-02T23:59:00.000Z; 2 book the car in for its MOT @2026-12-10T08:00:00.000Z
        > yes => All right. What shall I do?
        > the MOT has been moved to Friday => Moved #2 “book the car in for its MOT”: it is due Friday, De
        = 1x call the insurance people @2026-12-02T23:59:00.000Z; 2 book the car in for its MOT @2026-12-04T08:00:00.000Z
        > when's the MOT again? => #2 “book the car in for its MOT” is open, due Friday, Decemb
        > cheers, bye => You're welcome!

        # party
        > Party prep:\n* buy balloons\n* order cake\n* send invites\n* borrow speakers from Dave => Added 4 tasks:
        = 1 buy balloons; 2 order cake; 3 send invites; 4 borrow speakers from Dave
        > invites are sent => Shall I mark #3 “send invites” as done?
        > yep => Done: #3 “send invites”. Well done!
        = 1 buy balloons; 2 order cake; 3x send invites; 4 borrow speakers from Dave
        ! Dave said no so drop the speakers
        > yes => All right. What shall I do?
        ! cake by Saturday noon
        > how much is left? => You have 3 open tasks:
        > add a note to the cake: no nuts! => Noted on #2 “order cake”: no nuts
        = 1 buy balloons; 2 order cake [no nuts]; 3x send invites; 4 borrow speakers from Dave
        > what does the cake note say? => #2 “order cake” is open. Its note: no nuts
        > buy candles as well => I'm not sure what to do with that. I can add, show, rename,
        > delete everything except the cake => Shall I delete these 2 tasks: #4 “borrow speakers from Dave”
        > no => OK, I changed nothing.

        # moving house
        > remind me on Monday at 10 to call the movers => Added #1 “call the movers” to your list. I'll remind you Mon
        = 1 call the movers @2026-12-07T10:00:00.000Z
        > actually make it 11 => Moved #1 “call the movers”: it is due Monday, December 7, 11
        = 1 call the movers @2026-12-07T11:00:00.000Z
        > and remind me to redirect the post two weeks from now => Added #2 “redirect the post” to your list. I'll remind you T
        = 1 call the movers @2026-12-07T11:00:00.000Z; 2 redirect the post @2026-12-15T14:35:00.000Z
        > what reminders are set? => You have 2 tasks with a time:
        > cancel the movers reminder => Deleted #1 “call the movers”.
        = 2 redirect the post @2026-12-15T14:35:00.000Z
        > undo => I took that back.
        = 1 call the movers @2026-12-07T11:00:00.000Z; 2 redirect the post @2026-12-15T14:35:00.000Z
        > is the movers call still on the list? => #1 “call the movers” is open, due Monday, December 7, 11:00,
        > push the movers call back by two days => Moved #1 “call the movers”: it is due Wednesday, December 9,
        = 1 call the movers @2026-12-09T11:00:00.000Z; 2 redirect the post @2026-12-15T14:35:00.000Z
        > tick off the post thing => Done: #2 “redirect the post”. Well done!
        = 1 call the movers @2026-12-09T11:00:00.000Z; 2x redirect the post @2026-12-15T14:35:00.000Z
        > what have I done so far? => You have finished 1 task:

        # study
        > add read chapter 4 by wednesday => Added #1 “read chapter 4” to your list, due tomorrow, Wednes
        = 1 read chapter 4 @2026-12-02T23:59:00.000Z
        > add chapter 5 by friday => Added #2 “chapter 5” to your list, due Friday, December 4.
        = 1 read chapter 4 @2026-12-02T23:59:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z
        > add write summary => Added #3 “write summary” to your list.
        = 1 read chapter 4 @2026-12-02T23:59:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write summary
        > move chapter 4 to tomorrow evening => Moved #1 “read chapter 4”: it is due tomorrow, Wednesday 19:
        = 1 read chapter 4 @2026-12-02T19:00:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write summary
        > rename write summary to write a two page summary => Renamed #3 from “write summary” to “write a two page summary
        = 1 read chapter 4 @2026-12-02T19:00:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write a two page summary
        > summary is due sunday night => Moved #3 “write a two page summary”: it is due Sunday, Decem
        = 1 read chapter 4 @2026-12-02T19:00:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write a two page summary @2026-12-06T21:00:00.000Z
        > what's due this week? => You have 3 tasks due this week:
        > finished chapter 4 => Done: #1 “read chapter 4”. Well done!
        = 1x read chapter 4 @2026-12-02T19:00:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write a two page summary @2026-12-06T21:00:00.000Z
        > yes => All right. What shall I do?
        > I didn't finish chapter 4 => #1 “read chapter 4” is open again.
        = 1 read chapter 4 @2026-12-02T19:00:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write a two page summary @2026-12-06T21:00:00.000Z
        > delete chapter 5 => Deleted #2 “chapter 5”.
        = 1 read chapter 4 @2026-12-02T19:00:00.000Z; 3 write a two page summary @2026-12-06T21:00:00.000Z
        > hm no, put it back => I took that back.
        = 1 read chapter 4 @2026-12-02T19:00:00.000Z; 2 chapter 5 @2026-12-04T23:59:00.000Z; 3 write a two page summary @2026-12-06T21:00:00.000Z
        > complete all of them => Well done, 3 tasks finished:
        = 1x read chapter 4 @2026-12-02T19:00:00.000Z; 2x chapter 5 @2026-12-04T23:59:00.000Z; 3x write a two page summary @2026-12-06T21:00:00.000Z
        > no => If you want that taken back, say “undo”.

        # habits
        > remind me every day at 7:30 to meditate => Added #1 “meditate” to your list. I'll remind you tomorrow,
        = 1 meditate @2026-12-02T07:30:00.000Z ~FREQ=DAILY
        > take vitamins every morning => I'm not sure what to do with that. I can add, show, rename,
        > yes => Added #2 “take vitamins” to your list, due tomorrow, Wednesd
        = 1 meditate @2026-12-02T07:30:00.000Z ~FREQ=DAILY; 2 take vitamins @2026-12-02T09:00:00.000Z ~FREQ=DAILY
        > gym every Monday, Wednesday and Friday at 6pm => I'm not sure what to do with that. I can add, show, rename,
        > change gym to 7pm => I found no task “gym” on your list, so I changed nothing.
        > did I meditate today? => #1 “meditate” is open, due tomorrow, Wednesday 07:30, every
        > skip the gym => I'm not sure what to do with that. I can add, show, rename,
        > no => OK, I changed nothing.
        > don't remind me about the vitamins any more => Is #2 “take vitamins” done, or shall I delete it?
        > delete it => Deleted #2 “take vitamins”.
        = 1 meditate @2026-12-02T07:30:00.000Z ~FREQ=DAILY
        > list my stuff => You have 1 open task:

        # work day
        > todo: send report to Kim, review PR 42, prepare demo => Added 3 tasks:
        = 1 send report to Kim; 2 review PR 42; 3 prepare demo
        > PR 42 is reviewed => Shall I mark #2 “review PR 42” as done?
        > yes => Done: #2 “review PR 42”. Well done!
        = 1 send report to Kim; 2x review PR 42; 3 prepare demo
        > what's still to do? => You have 2 open tasks:
        > prepare demo is urgent => I have no priorities. You can put such a word into a title,
        > move the demo to 3pm => Moved #3 “prepare demo”: it is due today 15:00.
        = 1 send report to Kim; 2x review PR 42; 3 prepare demo @2026-12-01T15:00:00.000Z
        > no, 4pm => Moved #3 “prepare demo”: it is due today 16:00.
        = 1 send report to Kim; 2x review PR 42; 3 prepare demo @2026-12-01T16:00:00.000Z
        > the first one is done => Shall I mark #3 “prepare demo” as done?
        > who made you? => I'm not sure what you mean, so I changed nothing.
        > can you email Kim for me? => I'm not sure what you mean, so I changed nothing.
        > what is due today? => You have 1 task due today:

        # wrong turns
        > add pay gym => Added #1 “pay gym” to your list.
        = 1 pay gym
        > I mean pay gas => Renamed #1 to “pay gas”.
        = 1 pay gas
        > add pay water bill => Added #2 “pay water bill” to your list.
        = 1 pay gas; 2 pay water bill
        > delete the bill => Deleted #2 “pay water bill”.
        = 1 pay gas
        > oops that was wrong => I took that back.
        = 1 pay gas; 2 pay water bill
        > bring it back => You have 2 open tasks:
        > show me number 2 => #2 “pay water bill” is open, and it has no note.
        > delete 7 => There is no task #7 on your list.
        > sort it alphabetically => I can't sort: lists show the newest first.
        > which tasks mention gas? => You have 1 task, all open:
        > mark them done => Done: #1 “pay gas”. Well done!
        = 1x pay gas; 2 pay water bill
        > how many did I finish today? => You finished 2 tasks today:

        # short
        > milk => I'm not sure what to do with that. I can add, show, rename,
        > yes => Added #1 “milk” to your list.
        = 1 milk
        > eggs too => Added #2 “eggs” to your list.
        = 1 milk; 2 eggs
        > cheese => Added #3 “cheese” to your list.
        = 1 milk; 2 eggs; 3 cheese
        > milk done => Done: #1 “milk”. Well done!
        = 1x milk; 2 eggs; 3 cheese
        > remove eggs => Deleted #2 “eggs”.
        = 1x milk; 3 cheese
        > undo => I took that back.
        = 1x milk; 2 eggs; 3 cheese
        > list => You have 2 open tasks:
        > thx => You're welcome!
        > Wie viele Aufgaben habe ich? => Entschuldigung, ich verstehe nur Englisch und habe nichts ge
        > clear everything => Shall I delete all tasks on your list?
        > yes => Deleted 3 tasks:
        =
        > anything left? => Nothing is open: your list is clear.
        > help => I keep your to-do list. You can say things like:
        """#
}

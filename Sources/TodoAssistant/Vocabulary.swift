/// The words that mean something, folded as ``Folding`` does it.
enum Vocabulary {
    static func words(_ text: String) -> Set<String> { Set(text.split(separator: " ").map(String.init)) }
    static func phrases(_ text: String) -> [[String]] {
        text.split(separator: ",").map { $0.split(separator: " ").map(String.init) }
            .sorted { $0.count > $1.count }
    }

    /// Words before a colon without a space after it.
    static let headings = words("add todo todos task tasks note title description done delete new reminder")

    static let abbreviations = words("nr dr mr mrs ms st vs etc approx prof sr jr dept ave mt ca eg ie resp")

    /// Said before a request and meaning nothing for it.
    static let openers = phrases(
        """
        yes,yeah,yep,sure,would you mind,do you mind,i would be grateful if you could,id be grateful if you could,could you be so kind as to,would you be so kind as to,be so kind as to,would it be possible to,is it possible to,can you,could you,would you,will you,help me,help me to,only,oops,whoops,wtf,i wish to,i want,for gods sake,i would like,id like,can u,could u,would u,can we,could we,i want you to,i need you to,id like you to,\
        i would like you to,i want to,i wanna,wanna,id like to,i would like to,id love to,please,pls,plz,plse,plese,pleas,\
        kindly,hey,hi,hello,hiya,ok,okay,so,well,now,also,and,then,next,just,alright,right,sorry,oh,um,uh,hmm,go ahead and,\
        lets,let me,parley,bot,assistant,dude,man,bro,quickly,first,first of all,after that,be so kind to,do me a favor and,\
        do me a favour and,actually,wait,maybe,finally,lastly,again,yo,plus,but,dear,sir,great,perfect,cool,good,nice,\
        you can,you could,i think you can,i said,i told you to,i asked you to,good morning,good evening,as well,and also,\
        oh and,oh and also,and then,okay and then,ok and then,yeah and,and please,hm,er,erm,uhm,um so,let us,i guess,i suppose,i think,on second thought,on second thoughts,hang on,\
        thats wrong,thats not right,no wait,might i ask,may i ask,could you tell me,im afraid,i am afraid,can you tell me,do you know,by the way,btw,ok so,ok now,if you could,if possible,would you please,can you please,could you please,\
        would you kindly,i would like you please to,for me,damn it,dammit,ffs,omg,lol,haha
        """)

    /// Said after a request. Those of the first list are no part of a title either.
    static let politeClosers = phrases(
        """
        please,pls,plz,plse,thanks,thank you,thx,ty,tks,tnx,thanks a lot,many thanks,thank you very much,\
        thank you so much,cheers
        """
    )
    static let closers = phrases(
        """
        for me,now,right now,ok,okay,instead,yesterday,earlier,earlier today,this morning,last night,already yesterday,after all,too,also,as well,again,already,bro,man,mate,dude,lol,haha,immediately,yet,\
        tho,though,actually,then,finally,sir,dear,today,at once,this time,alright,yay,woohoo,when you can,\
        if you can,if possible,if you dont mind,once and for all,damn it,dammit
        """
    )

    static let done = words(
        """
        done complete completed finished finish checked ticked closed did doen dnoe dne donee compleated completd \
        compelte complted finsihed finised ✓ ✔ ✅ ☑
        """
    )
    static let undone = words(
        "undone incomplete uncompleted unfinished open todo pending active outstanding unchecked unticked remaining")
    static let not = words("not isnt arent wasnt un never")
    static let noun = words("task tasks item items todo todos number numbers nr num id ids entry entries reminder")
    static let determiners = words("the my that this those these our a an")

    /// Heads that turn a sentence into something else than a request: it is not taken apart.
    static let opaque = phrases(
        """
        dont,do not,never,didnt you,did you,do you,why,when,if,what if,should i,should we,how,how do i,\
        how can i,how do you,how to,can i,could i,may i,after,before,once,unless,until,while,because,not,\
        no need to,you should not,you shouldnt,stop,shouldnt,have you,are you,were you,was that,who,where,\
        whenever,i dont,i do not,i didnt ask,i never,i wont,i cant,please dont,wish
        """
    )

    /// Verbs of errands, for lists ("call mum and dad" is one task) and for bare phrases ("buy milk").
    static let actions = words(
        """
        accept add adjust answer apologize apply approve arrange ask assemble assign attend back bake bathe be become begin bill \
        book borrow bring brush build buy bike call cancel catch celebrate change charge chase check choose clean clear climb close collect come \
        compare complete confirm congratulate contact cook copy create cut dance deal debug decide declutter decorate defrost deliver \
        deploy descale design detox dig discuss do donate download draft draw drink drive drop dry dust eat edit email empty enjoy enrol \
        enroll erase evaluate exercise exchange explain explore extend fax feed fetch figure file fill find finalize finish fix fly fold \
        follow forward freeze gather get give go grab greet grill grow gym hand hang harvest have help hire hold hoover host hug \
        implement improve inform inspect install investigate invite invoice iron join jog keep kiss knit learn leave lend let listen \
        load lock look lose make mail measure meditate meet mend merge message migrate mop move mow negotiate notify open order organise \
        organize pack paint park pay perform phone pick ping plan plant play polish post practice practise pray prepare prep present print \
        process proofread publish pull purchase push put raise rake reach read rearrange rebook record recycle redeem refactor refill \
        register rehearse release renew rent repair replace reply report repot request research reserve reset resolve respond rest \
        restart return review revise rewrite ride ring roast run save scan schedule search see sell send set setup sew shave ship shop show \
        sign skype sleep smile solve sort speak spend start stop store stretch study submit sweep swim take talk teach tell test text \
        thank throw tidy top train transfer translate travel treat trim try turn unload unpack unsubscribe update upgrade upload use \
        vacuum visit vote wait wake walk wash watch water wear weed weigh whatsapp wipe withdraw work workout wrap write zoom
        """)
    /// Of these, the ones that are as often things: a verb only with an article or the like behind them.
    static let ambiguousActions = words(
        """
        water iron paper park train file record report plan plant post present print rent ring salt shop light \
        top text mail bill bike work rest store hand test oil paint back dust gym cook drink dry report
        """
    )
    static let objectStarts = words(
        "the a an my our his her their your all some mum mom dad him them it up out off for to on in with")

    /// Begin what belongs to the words before a comma and is no item of a list.
    static let continuations = words(
        """
        today tonight tomorrow monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun at on by before \
        after with from for in but because cause since she he i we it its which that who not then maybe asap urgent important so if \
        when until till around every each next this noon midnight latest priority high low to of or as without including especially due deadline \
        preferably ideally about during via using into near there they you your no only january february march april may june july \
        august september october november december etc
        """)
    static let times = words(
        """
        today tonight tomorrow tmrw monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun at on by \
        before after in this next every each noon midnight later
        """)
    /// Of things that begin in the evening where only an hour was said.
    static let evenings = words("dinner supper drinks party concert theatre theater cinema movie movies pub opera gig")
    static let pronouns = words("him her it them there his their its")
    /// One thing by two names.
    static let pairs = Set([
        "mac cheese", "salt pepper", "fish chips", "bread butter", "peanut butter jelly", "research development", "q a",
        "r d",
        "black white", "gin tonic", "rock roll", "pros cons", "terms conditions", "bed breakfast", "ham cheese",
        "arts crafts",
        "health safety", "war peace", "profit loss", "washer dryer", "mum dad", "mom dad", "dad mum", "dad mom", "h m",
        "b b",
        "rum coke", "oil vinegar", "trial error", "lost found", "drum bass", "bacon eggs", "crime punishment",
        "copy paste",
        "cut paste", "drag drop", "wash go", "tom jerry", "back forth", "cup saucer", "supply demand", "to from",
        "wash fold",
        "vodka tonic", "soap water", "shirt tie", "lock key", "bits pieces", "odds ends", "day night", "law order",
        "p l",
    ])

    static let listHeads = words(
        """
        list show gimme hows display see view give tell print what whats which how check read know ls remind \
        see whats overview any anything do is are got my the all tasks task todos todo left open completed done \
        finished unfinished pending remaining have still everything look outstanding current full
        """
    )
    static let listWords = words(
        """
        list lists gimme hows this dos something show display see view give tell print what whats which how check read know ls remind overview any anything do is \
        are got my the all tasks task todos todo left open completed complete done finished unfinished incomplete pending remaining \
        have ive i me of on in for to still everything every today tomorrow week now items item things thing stuff not yet too also \
        including include included with and plus even both one ones that thats there many much need should must next up current full \
        whole entire our we go again be a an at get can you your agenda plate due outstanding active already so far did finish \
        remain remains thats werent arent isnt havent undone did done else other look supposed gotta right day tonight am just us \
        please total altogether status progress looking like has been closed ticked checked hidden or work first through here latest \
        got those these only comes coming rest buy
        """)
    static let listAnchors = words(
        """
        list lists tasks todos todo dos items left remaining remain remains outstanding pending agenda plate due rest \
        unfinished incomplete open ls task overview things stuff
        """
    )
    static let doneWords = words("done completed complete finished finish did closed ticked checked")
    static let openWords = words(
        "open left remaining remain remains unfinished incomplete pending outstanding undone todo active need still")
    static let negations = words(
        """
        not isnt arent havent hasnt werent undone incomplete unfinished dont didnt except but without besides \
        excluding
        """
    )
    static let inclusions = words("too also including include included both even plus")

    static let sweepHeads = words(
        """
        clear delete remove purge clean archive erase wipe tidy empty trash reset del rm drop flush nuke dump \
        bin discard
        """
    )
    static let sweepWords = words(
        """
        up out away all of my the completed done finished complete checked ticked closed tasks task items item ones one todos todo \
        stuff things thing list from off on that are is ive i have already every everything thats which what whole entire them full \
        were was whats ive whichever old single each crossed
        """)
    static let allWords = words("all everything every each whole entire")
    static let allReference = words(
        """
        all everything every each of them my the tasks task todos todo items item things thing stuff whole \
        entire list on in single one it ones
        """
    )
    static let exceptions = words("should except but besides excluding without unless if not or when dont never")

    static let greetings = phrases(
        """
        hi,hello,hey,hey there,hi there,hello there,hiya,yo,good morning,good afternoon,good evening,morning,\
        evening,howdy,greetings,sup,whats up,wassup,hi parley,hello parley,hey parley,how are you,\
        how are you doing,hows it going,hi all,hello again,hi again,helo,hallo,hola,heya,good day,gm,👋,hi bot,\
        hello bot,how are you today,nice to meet you,helllo,hellooo,heyy,hii
        """
    )
    static let thanks = phrases(
        """
        thanks,thank you,thx,ty,tysm,cheers,thanks a lot,thank you so much,thank you very much,many thanks,\
        thanks so much,great,perfect,awesome,nice,cool,good,wonderful,excellent,brilliant,lovely,great thanks,\
        ok thanks,okay thanks,perfect thanks,nice one,good job,well done,great job,thanks parley,thank u,thnx,\
        tnx,tks,thanx,ok thank you,ok great,ok cool,amazing,super,very good,that was fast,you are great,\
        youre great,youre the best,you rock,love it,much appreciated,appreciate it,❤️,🙏,thanks bro,thanks mate,\
        thanks again,much obliged,great stuff,nice work,that will do,thatll do,thats perfect,thats great,got it,got it thanks,good bot,thanks man,i love you,🎉,thank yo,thansk,thakns,\
        thank you parley
        """
    )
    static let goodbyes = phrases(
        """
        bye,goodbye,bye bye,see you,see ya,good night,goodnight,thx bye,thanks bye,ok bye,later,see you later,\
        cya,thats all,thats it,im done,ttyl,talk to you later,have a nice day,have a good day,thats all for now,\
        that is all,quit,exit,see you tomorrow,byebye,good bye,bye for now,nothing else,im off,gotta go,\
        i have to go,i need to go,gtg,ciao,thats everything,laters,night
        """
    )
    static let yes = phrases(
        """
        yes,y,yep,yeah,yea,yup,ya,sure,ok,okay,k,kk,fine,of course,go ahead,do it,please do,definitely,\
        absolutely,correct,right,exactly,confirm,confirmed,sounds good,alright,aye,yes please,why not,yes do it,\
        yes go ahead,sure thing,yes sure,ok do it,yess,yes add it,sure add it,ok sure,yes of course,yeah sure,\
        that one,yes that one,yes thats it,thats it yes,affirmative,👍,👌,ok please,sure please,yeah please,\
        yep please,yes i am sure,yes im sure,im sure,i am sure,yes delete it,yes delete them,\
        yes delete everything,yes delete all,yes delete them all,yes all of them,make it so,yes mark it,\
        yes it is,yes i do,i do,please yes,ye,yse,yesss,yes yes,yes pls,yes plz,jes,oui,si,ja
        """
    )
    static let no = phrases(
        """
        no,n,nope,nvm,nm,nah,no thanks,no thank you,cancel,nevermind,never mind,stop,leave it,dont,do not,\
        forget it,not now,nothing,none,neither,scratch that,abort,please dont,i changed my mind,changed my mind,\
        wait,hold on,no dont,no wait,no please,neither of them,none of them,none of those,neither one,no stop,\
        cancel that,cancel it,dont do it,dont do that,no never mind,keep it,keep them,not yet,better not,no way,\
        no no,noo,nooo,nothing thanks,no cancel,👎,i dont,no its fine,skip,skip it,no dont do that,not that,\
        forget about it,no forget it,no leave it,leave them,dont delete it,dont delete them,no keep it,\
        no keep them,dont add it,not really,negative,no neither
        """
    )
    static let help = phrases(
        """
        help,help me,what can you do,what can i say,what can i do,what do you do,commands,how does this work,\
        how do you work,who are you,what are you,info,usage,manual,menu,options,instructions,how to use,\
        how do i use this,how can i use this,what can you help with,what can you help me with,i need help,\
        can you help me,can you help,how can you help,how can you help me,help please,what are you able to do,\
        what are the commands,what is this,whats this,how do i use you,what else can you do,hlep,halp,hepl,\
        show help,examples,start,i dont understand,how,what are my options,what should i say,are you a bot,\
        are you human,are you an ai,are you a robot,whats your name,what is your name
        """
    )

    static let ordinals: [String: Int] = [
        "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5,
        "sixth": 6, "6th": 6, "seventh": 7, "7th": 7, "eighth": 8, "8th": 8, "ninth": 9, "9th": 9, "tenth": 10,
        "10th": 10,
        "former": 1, "top": 1, "frist": 1, "fisrt": 1, "secound": 2,
    ]
    static let lastWords = words("last latest newest latter bottom")
    static let numbers: [String: Int64] = [
        "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "eleven": 11, "twelve": 12,
    ]

    /// Verbs whose misspellings are understood, and only as the first word of a clause.
    static let correctable = [
        "delete", "remove", "rename", "complete", "completed", "finished", "mark", "show", "list", "remind", "create",
        "update",
        "change", "clear", "reopen", "uncheck", "uncomplete", "whats", "help", "erase", "describe", "remember",
        "insert",
        "display", "cross", "check", "append",
    ]
    /// English words one letter away from such a verb: never corrected.
    static let neverCorrected = words(
        """
        shop slow snow shot shoe stow how clean cleat clean make park bake dark pick kick lick lift lost last mist fist gift lint \
        compete deplete move more rewind crate relate dine bone phone hell held heap kelp hemp hats wheats bats chats charge chance \
        remade renamed marc mask mars mary mart bark lark dear clears clean bear learn remind remint updates date data locate create \
        grease erased arase tease phase press crossed grass gross class chess cheek chick chuck check list lists lest just dust bust \
        must best rest test west describe prescribe inscribe inset invert insect expert open display helps what wants hat cost copy \
        cheer clever lear year near gear wear fear nuclear mail mall march marks market finish
        """)
    /// Letters that changed places: no words.
    static let slips = [
        "makr": "mark", "mrak": "mark", "amrk": "mark", "shw": "show", "sohw": "show", "shwo": "show",
        "hsow": "show",
    ]

    static let exactCorrections = [
        "ad": "add", "addd": "add", "adda": "add", "aad": "add", "adds": "add", "adding": "add", "dlete": "delete",
        "deleting": "delete", "del": "delete", "remov": "remove", "removing": "remove", "rmv": "remove",
        "removed": "remove",
        "deleted": "delete", "shwo": "show", "lsit": "list", "lst": "list", "lits": "list", "mrak": "mark",
        "makr": "mark", "marking": "mark",
        "complet": "complete", "remaind": "remind", "wats": "whats", "waht": "what", "wat": "what", "wut": "what",
        "wht": "what",
        "completing": "complete", "renaming": "rename", "clearing": "clear", "doen": "done", "dnoe": "done",
        "doone": "done",
        "finsihed": "finished", "finised": "finished", "fnished": "finished", "wahts": "whats", "whst": "what",
        "creat": "create",
        "creating": "create", "delet": "delete", "dleete": "delete", "dlt": "delete", "chnage": "change",
        "chane": "change",
        "changing": "change", "showing": "show", "sohw": "show", "hsow": "show", "unmark": "uncheck",
        "remeber": "remember",
        "udno": "undo", "unod": "undo", "undoo": "undo", "rember": "remember", "rememeber": "remember",
    ]
}

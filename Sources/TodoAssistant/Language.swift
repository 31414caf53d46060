/// A language that the assistant knows when it sees it, to say in it that it understands English only.
package enum Language: String, Sendable, CaseIterable {
    case german, spanish, french, portuguese, italian, chinese, japanese

    /// What it answers. The last sentence stays the same in all: the name of a page of the documentation.
    var answer: String {
        switch self {
        case .german:
            "Entschuldigung, ich verstehe nur Englisch und habe nichts geändert. Zum Beispiel: “add buy milk”, “what's left?”, “mark 3 as done”. Mit einem Sprachmodell versteht dieser Assistent alle Sprachen (Dokumentation: Assistants)."
        case .spanish:
            "Lo siento, solo entiendo inglés y no he cambiado nada. Por ejemplo: “add buy milk”, “what's left?”, “mark 3 as done”. Con un modelo de lenguaje, este asistente entiende todos los idiomas (documentación: Assistants)."
        case .french:
            "Désolé, je ne comprends que l'anglais et je n'ai rien changé. Par exemple : “add buy milk”, “what's left?”, “mark 3 as done”. Avec un modèle de langage, cet assistant comprend toutes les langues (documentation : Assistants)."
        case .portuguese:
            "Desculpe, só entendo inglês e não mudei nada. Por exemplo: “add buy milk”, “what's left?”, “mark 3 as done”. Com um modelo de linguagem, este assistente entende todas as línguas (documentação: Assistants)."
        case .italian:
            "Mi dispiace, capisco solo l'inglese e non ho cambiato nulla. Per esempio: “add buy milk”, “what's left?”, “mark 3 as done”. Con un modello linguistico questo assistente capisce tutte le lingue (documentazione: Assistants)."
        case .chinese:
            "抱歉，我只懂英语，所以没有做任何更改。例如：“add buy milk”、“what's left?”、“mark 3 as done”。接入语言模型后，这个助手能理解所有语言（文档：Assistants）。"
        case .japanese:
            "すみません、英語しか分からないため、何も変更していません。例：“add buy milk”、“what's left?”、“mark 3 as done”。言語モデルを使えば、このアシスタントはすべての言語を理解します（ドキュメント：Assistants）。"
        }
    }

    /// The language of a message that is not in English; `nil` where that is not certain. English commands with a title
    /// in another language ("add 买牛奶", "add Milch kaufen") are English.
    static func foreign(_ message: some StringProtocol) -> Language? {
        let line = Line(message.prefix(600))
        let words = line.tokens.filter { $0.kind == .word && !$0.isQuoted }.map(\.folded)
        guard let first = words.first else { return nil }
        let isEnglish = isEnglishCommand(words)
        if let script = script(of: words) { return isEnglish ? nil : script }
        guard !(isEnglish && !ambiguousHeads.contains(first)) else { return nil }
        var best: (Language, Int)?
        for (language, marks) in marks {
            // A verb at the head, the word for "task" or "list" anywhere; other words count half.
            var score = 0
            if marks.verbs.contains(first) { score += 2 }
            for word in words {
                if marks.nouns.contains(word) { score += 2 }
                if marks.words.contains(word) { score += 1 }
            }
            if score > (best?.1 ?? 1) { best = (language, score) }
        }
        guard let best else { return nil }
        let english = words.count { englishWords.contains($0) }
        return best.1 > english ? best.0 : nil
    }

    /// A message without any word of the Latin alphabet that is in Chinese or Japanese.
    private static func script(of words: [String]) -> Language? {
        var han = false
        for word in words {
            for scalar in word.unicodeScalars {
                switch scalar.value {
                case 0x3041...0x30FF, 0x31F0...0x31FF, 0xFF66...0xFF9D: return .japanese
                case 0x3400...0x9FFF, 0x20000...0x323AF: han = true
                default: break
                }
            }
        }
        return han ? .chinese : nil
    }

    private static func isEnglishCommand(_ words: [String]) -> Bool {
        let rest = words.drop {
            ["please", "pls", "ok", "can", "could", "you", "hey", "hi", "i", "and", "so"].contains($0)
        }
        guard let head = rest.first else { return false }
        return englishHeads.contains(head)
    }

    private static let englishHeads = Vocabulary.words(
        """
        add create new remind put insert append delete remove erase rename mark complete finish finished done show list \
        undo todo need have did call buy tell what whats note change update move set make get is are check tick cross
        """)
    /// Heads of English commands that other languages have too ("complete a tarefa 3", "delete a tarefa", "todo").
    private static let ambiguousHeads = Vocabulary.words("complete delete todo list note cancel insert done")

    private static let englishWords = Vocabulary.words(
        """
        the to my is are of and for it that this with you i at by was task tasks list please as what buy call done not a on \
        all from an be do
        """)

    private struct Marks {
        let verbs: Set<String>
        let nouns: Set<String>
        let words: Set<String>

        init(verbs: String, nouns: String, words: String) {
            self.verbs = Vocabulary.words(verbs)
            self.nouns = Vocabulary.words(nouns)
            self.words = Vocabulary.words(words)
        }
    }

    private static let marks: [(Language, Marks)] = [
        (
            .german,
            Marks(
                verbs: """
                    fuge fuege fug hinzufugen losche loesche losch entferne streiche markiere hake erledige zeige zeig erinnere erinner \
                    trage schreibe setze nimm benenne verschiebe andere aendere bitte kaufe mach mache lege erstelle leg gib merke \
                    merk vergiss ruckgangig
                    """,
                nouns: "danke aufgabe aufgaben liste erledigt hinzu einkaufsliste aufgabenliste termin termine",
                words: """
                    ich du der die das den dem des ein eine einen einem meine meiner meinen mein mir mich und oder nicht ist sind steht \
                    auf fur fuer mit zu zum zur von was wie welche noch heute morgen ubermorgen alle alles bitte kannst konntest kaufen \
                    milch muss habe hast danke ja nein wann um uhr letzte letzten erste ersten anrufen hallo guten tag
                    """)
        ),
        (
            .spanish,
            Marks(
                verbs: """
                    agrega agregar anade anadir borra borrar elimina eliminar quita quitar marca marcar muestra mostrar muestrame \
                    recuerdame recordar recuerda crea crear pon poner cambia cambiar completa apunta anota ensename dame compra comprar \
                    deshaz tengo necesito llama llamar
                    """,
                nouns: "gracias tarea tareas lista pendiente pendientes hecho hecha completada completado",
                words: """
                    el la los las un una unos mi mis tu que cual cuales hay en de del al por para con y o no es son esta estan como \
                    todo todos todas hoy manana pasado leche pan primera primero ultima ultimo favor gracias hola cuando hora lunes martes \
                    miercoles jueves viernes sabado domingo a se me
                    """)
        ),
        (
            .french,
            Marks(
                verbs: """
                    ajoute ajouter ajoutez supprime supprimer efface effacer enleve enlever marque marquer montre montrer affiche afficher \
                    rappelle rappelez cree creer mets mettre change termine terminer coche cocher renomme renommer achete acheter annule \
                    dois deplace peux
                    """,
                nouns: "merci bonjour tache taches terminee terminees faite faites rendezvous courses",
                words: """
                    le la les un une des mes mon ma moi je tu il que quoi quelle quelles qu reste dans de du au aux pour avec et ou ne pas \
                    est sont comme tout toutes tous aujourdhui demain apres lait pain premiere premier derniere dernier sil vous plait \
                    merci bonjour salut quand heures lundi mardi mercredi jeudi vendredi samedi dimanche a sur faire ai jai
                    """)
        ),
        (
            .portuguese,
            Marks(
                verbs: """
                    adicione adicionar adiciona apague apagar apaga exclua excluir remova remover marque marcar mostre mostrar mostra \
                    lembre lembrar lembra lembreme crie criar coloque colocar coloca mude mudar conclua concluir compre comprar desfaca \
                    preciso anote
                    """,
                nouns: "obrigado obrigada tarefa tarefas lista feito feita concluida concluido pendentes",
                words: """
                    o os as um uma minha minhas meu meus que qual quais ha em de do da dos das no na ao por para com e ou nao sao esta \
                    estao como tudo todos todas hoje amanha leite pao primeira primeiro ultima ultimo favor obrigado obrigada ola quando \
                    segunda terca quarta quinta sexta sabado domingo tenho fazer me a eu
                    """)
        ),
        (
            .italian,
            Marks(
                verbs: """
                    aggiungi aggiungere cancella cancellare elimina eliminare rimuovi rimuovere segna segnare mostra mostrare mostrami \
                    ricordami ricordare ricorda crea creare metti mettere cambia cambiare completa completare sposta compra comprare \
                    annulla devo rinomina togli
                    """,
                nouns:
                    "grazie buongiorno attivita lattivita compito compiti lista fatto fatta completato completata impegni promemoria",
                words: """
                    il lo la i gli le un una uno mia mie mio miei che cosa quale quali ce in di del della dei delle al alla per con e o \
                    non sono come tutto tutti tutte oggi domani dopodomani latte pane prima primo ultima ultimo favore grazie ciao quando \
                    lunedi martedi mercoledi giovedi venerdi sabato domenica ho fare mi
                    """)
        ),
    ]
}

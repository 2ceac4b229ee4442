"""Write synthetic data in the format of IMDb's non-commercial data set, for benchmarks.

    python bench/generate_imdb.py OUT_DIR [--titles 12_300_000] [--seed 1] [--plain]

Five files appear in OUT_DIR: title.basics, title.ratings, title.crew, title.principals and name.basics, each
as .tsv.gz (or .tsv with --plain). Their columns, null marks, id shapes, row order and row counts follow the
real files of early 2026; every title, name and number is made up here from the word lists below. The same
seed and scale give the same bytes.

As in the real files, rows are sorted by id *as text*: tt1000000, tt10000003, tt1000001, ... so the numeric
order breaks where seven-digit and eight-digit ids meet, and the last row starts with tt9.

Needs numpy and isal.
"""

# Word lists read better as running text.
# ruff: noqa: SIM905

from __future__ import annotations

import argparse
import math
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

Ints = npt.NDArray[np.int64]
Small = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.bytes_]

DEFAULT_TITLES = 12_300_000
MIN_TITLES, MAX_TITLES = 1_000, 30_000_000
NAMES_PER_TITLE = 15_100_000 / 12_300_000
RATED_SHARE = 1_600_000 / 12_300_000
TITLE_ID_SPAN, NAME_ID_SPAN = 38_000_000, 17_500_000
CHUNK = 100_000
PROGRESS_SECONDS = 5.0
COMPRESSION_LEVEL = 2
GZIP_WINDOW = 16 + 15

FIRST_YEAR, LAST_YEAR, THIS_YEAR = 1890, 2027, 2026
MAX_WORDS, MAX_CAST, MAX_DIRECTORS, MAX_WRITERS, MAX_PRINCIPALS = 7, 12, 3, 5, 20
PRINCIPAL_WRITERS = 3

BASICS, RATINGS, CREW = "title.basics", "title.ratings", "title.crew"
PRINCIPALS, NAMES = "title.principals", "name.basics"
HEADERS = {
    BASICS: "tconst titleType primaryTitle originalTitle isAdult startYear endYear runtimeMinutes genres",
    RATINGS: "tconst averageRating numVotes",
    CREW: "tconst directors writers",
    PRINCIPALS: "tconst ordering nconst category job characters",
    NAMES: "nconst primaryName birthYear deathYear primaryProfession knownForTitles",
}

# ------------------------------------------------------------------------------------------------------------
# Word lists (most frequent first)
# ------------------------------------------------------------------------------------------------------------

TITLE_WORDS = """
love man night house story life day girl home world last time death dark woman little big boy heart
secret king dead black new dream lost blood game road good red city fire one light way river white men
people summer family war wild queen true blue moon back first great part murder old friends sun devil
golden water ghost star angel mother father brother sister daughter son child children wedding winter
mountain island sea ocean lake forest garden tree flower rose bird wolf dog cat horse lion tiger bear
snake dragon fish spider butterfly monkey rabbit fox shadow silence silver stone iron glass gold paper
letter book song music dance dancer singer actor artist doctor nurse soldier captain general sheriff
cowboy pirate prince princess emperor knight warrior hunter killer thief gangster detective agent spy
stranger neighbor guest visitor master servant slave teacher student school college hospital prison
castle palace church temple tower bridge street avenue corner room door window wall kitchen table bed
chair mirror picture portrait camera phone radio train station ship boat plane car taxi bus bicycle
truck highway border bay beach desert jungle valley hill field farm village town country nation earth
sky heaven hell paradise eden sunrise sunset morning evening midnight noon monday tuesday wednesday
thursday friday saturday sunday january april may june july august september october november december
spring autumn rain snow ice storm wind thunder lightning cloud fog dust ash smoke flame burning cold hot
warm cool sweet bitter salt sugar honey milk wine beer coffee tea bread apple orange lemon cherry
chocolate cake dinner breakfast party birthday christmas halloween easter holiday vacation journey trip
voyage adventure escape return arrival departure goodbye hello welcome farewell promise lie truth trust
hope faith fear anger hate joy happiness sorrow pain pleasure desire passion lust pride shame guilt
honor glory victory defeat battle fight revenge justice law crime punishment trial judge jury witness
evidence mystery puzzle riddle clue key lock box chest treasure diamond pearl ruby jewel crown ring
necklace dress shoes hat coat mask costume uniform flag sword knife gun bullet bomb shot kill die live
born alive forever never always again tomorrow yesterday today tonight now then here there nowhere
everywhere somewhere anything nothing something everything everybody nobody somebody someone alone
together apart between beyond behind under above inside outside before after during until since happy
sad lonely crazy mad angry brave bold beautiful ugly pretty handsome young ancient modern strange
wonderful terrible perfect impossible invisible immortal eternal endless infinite final deadly dangerous
broken hidden forbidden forgotten missing stolen wanted hunted haunted cursed blessed sacred holy evil
innocent guilty free wicked naked silent loud quiet gentle rough smooth sharp soft hard heavy deep high
low long short wide narrow fast slow quick early late best worst better second third seven three two
four five six ten hundred thousand million zero double single half whole empty full rich poor lucky
fortune fate destiny chance luck gamble bet card cards ace jack joker poker chess match play player team
coach champion race runner boxer wrestler ball goal score rock roll jazz blues opera band guitar piano
violin drum trumpet radio voice whisper scream cry laugh smile kiss touch hand hands eye eyes face head
hair mouth lips ear nose arm leg foot finger skin bone bones body soul spirit mind memory memories brain
nerve machine robot computer code signal network virus alien planet mars venus space galaxy universe
rocket orbit gravity future past present history legend myth tale fable chronicle diary confession
testament gospel prayer miracle magic witch wizard sorcerer spell curse potion fairy elf giant monster
beast vampire werewolf zombie mummy demon creature thing experiment project operation mission protocol
strategy conspiracy affair scandal marriage divorce husband wife bride groom lover lovers mistress
couple twins baby mama papa grandma grandpa uncle aunt cousin boss worker factory office business money
bank cash dollar debt price market shop store hotel motel bar cafe club casino theater cinema studio
stage show circus carnival festival parade museum library park zoo playground pool bath shower laundry
hollywood broadway paris london york berlin rome vienna moscow tokyo shanghai bombay cairo texas
california chicago boston vegas miami brooklyn havana rio madrid venice america africa asia europe india
china japan mexico brazil canada russia arabia north south east west northern southern eastern western
frontier empire kingdom republic revolution rebellion rebel outlaw bandit hero villain legacy
inheritance heir orphan runaway refugee exile immigrant prisoner hostage captive survivor victim don't
can't won't it's i'm you're man's woman's world's devil's who's that's ain't let's what's half-blood
ex-wife re-animated mid-winter co-pilot two-faced one-way all-star self-portrait x-ray t-bone trouble
danger panic terror horror nightmare sleep awake insomnia rise fall fallen falling rising running
walking dancing singing dying living loving hunting fishing driving flying waiting looking finding
searching making breaking crossing burn kiss run walk jump fly swim dive drive ride wait watch listen
look see hear feel think know remember forget forgive believe wish want need take give send bring keep
hold leave stay come go stop start begin end beginning ending chapter episode pilot finale special
reunion interview live tour audition challenge contest round quarterfinal semifinal week year decade
century hour minute second moment
""".split()

LINK_WORDS = (
    "of the in and & to for on at with from a by vs. is my your his her our or no not an without against "
    "into over about through like as - et de la der und"
).split()

ACCENTED_WORDS = """
été amour-perdu café après première dernière mère père frère sœur rêve forêt île fenêtre étoile élève
école château garçon français noël hôtel théâtre cinéma comédie mystère lumière rivière désir liberté
vérité société mañana niño niña corazón canción pasión ilusión adiós año sueño señor señora montaña
españa compañero pequeño días último música página jardín río águila día razón prisión estación für über
mädchen schön glück tür münchen könig königin märchen brüder söhne töchter grün früh spät nächte väter
mütter träume schüler straße größe weiß fußball kærlighed sommerdrøm bjørn ø søster brødre børn rød sjö
ängel själ kärlek drömmar år får hjärta nätter barnens-ö coração irmão irmã não mãe pão manhã estação
ilusões paixão solidão canções città perché felicità libertà verità più così łódź miłość życie śmierć
książę dzień noc-żywa światło żona září život smrt láska dívka město noční řeka příběh szerelem élet
halál éjszaka város világ nő férfi gyönyörű aşk gece y\u0131ld\u0131z güneş k\u0131z oğlan çocuk dünya gönül
hüzün şark\u0131 ölüm düş k\u0131rm\u0131z\u0131 yağmur înger viață dragoste
""".split()

SCRIPT_WORDS = {
    "cyrillic": """
        любовь дом ночь человек жизнь город день война дорога мечта сердце сын мать отец тайна смерть
        зима весна море небо звезда река тень огонь снег друг судьба счастье белый чёрный старый новый
        последний мой история
        """.split(),
    "greek": """
        αγάπη νύχτα ζωή θάνατος σπίτι άνθρωπος πόλη μέρα θάλασσα ουρανός όνειρο καρδιά μητέρα πατέρας δρόμος
        ήλιος φεγγάρι χρόνος μυστικό κόσμος φωτιά παιδί γυναίκα νησί καλοκαίρι χειμώνας μικρός μεγάλος
        """.split(),
    "japanese": """
        愛 夜 家 人 物語 男 女 春 夏 秋 冬 東京 恋 花 雨 雪 海 空 星 月 夢 心 戦争 世界 少女 少年 の
        と は 旅 秘密 さくら ひかり いのち ラブ ナイト ドラマ スター ゴースト 日本 最後 青い 赤い 白い 黒い
        """.split(),
    "korean": """
        사랑 밤 집 사람 이야기 남자 여자 봄 여름 가을 겨울 서울 꽃 비 눈 바다 하늘 별 달 꿈 마음 전쟁 세계
        소녀 소년 여행 비밀 친구 가족 마지막 나의 우리 그녀 그리고
        """.split(),
    "arabic": """
        حب ليلة بيت رجل حياة مدينة يوم حرب طريق حلم قلب ابن أم أب سر موت شتاء ربيع بحر سماء نجمة نهر ظل نار
        صديق قدر سعادة أبيض أسود قديم جديد الأخير قصة في من
        """.split(),
    "devanagari": """
        प्यार रात घर आदमी जीवन शहर दिन युद्ध रास्ता सपना दिल बेटा माँ पिता राज़ मौत सर्दी बसंत सागर आकाश
        तारा नदी छाया आग दोस्त किस्मत खुशी काला नया पुराना मेरा कहानी का और
        """.split(),
}
GLUED_SCRIPT = "japanese"

NUMBER_WORDS = """
10 3 12 7 2 100 24 21 1984 2012 5 13 50 8 101 1001 2001 500 007 4 6 9 11 15 16 17 18 19 20 22 23 25 26 27
28 29 30 31 40 60 70 80 90 99 200 300 365 911 999 1000 1939 1945 1968 2010 2020 2046 3:10 8½ 9½ 20,000
1st 2nd 3rd 13th 90's 24/7 4x4
""".split()
MONTHS = "January February March April May June July August September October November December".split()

# culture -> (share, male first names, female first names, last names)
CULTURES: dict[str, tuple[float, str, str, str]] = {
    "english": (
        0.36,
        """John David Michael James Robert William Paul Richard Peter Mark Tom Steve Chris George
        Charles Daniel Kevin Brian Andrew Jack Joe Martin Alan Scott Eric Matthew Anthony Thomas
        Edward Frank Ben Sam Patrick Simon Ryan Jason Tim Henry Ray Harry Adam Gary Jeff Greg Larry
        Stephen Kenneth Ronald Dennis Roger Philip Ralph Walter Arthur Albert Howard Fred Stanley
        Leonard Nathan Dylan Connor Liam Oliver Noah Ethan Logan""",
        """Mary Jennifer Elizabeth Linda Sarah Susan Lisa Karen Barbara Nancy Jessica Emily Anna Laura
        Michelle Kate Helen Margaret Julie Amy Rachel Amanda Nicole Stephanie Rebecca Christine
        Carol Jane Emma Alice Ruth Dorothy Betty Joan Catherine Victoria Ashley Samantha Heather
        Melissa Kelly Tracy Wendy Diane Janet Judy Frances Evelyn Grace Rose Martha Gloria Hannah
        Chloe Sophie Olivia Charlotte Abigail Megan Lauren Zoë""",
        """Smith Jones Williams Brown Johnson Davis Miller Wilson Taylor Moore Anderson Thomas White
        Harris Martin Thompson Clark Lewis Robinson Walker Hall Allen Young King Wright Scott Green
        Baker Adams Nelson Hill Campbell Mitchell Roberts Carter Phillips Evans Turner Parker
        Collins Edwards Stewart Morris Murphy Cook Rogers Morgan Cooper Peterson Reed Bailey Bell
        Kelly Howard Ward Cox Richardson Wood Watson Brooks Bennett Gray James Hughes Price Myers
        Long Foster Ross Powell Sullivan Russell Fisher Henderson Graham Hamilton Wallace O'Brien
        O'Connor McDonald McCarthy Fitzgerald Hunt Palmer Knight Holmes Burke Walsh Gordon""",
    ),
    "hispanic": (
        0.11,
        """José Juan Carlos Luis Antonio Manuel Francisco Miguel Pedro Jorge Rafael Fernando Alberto Javier
        Alejandro Roberto Ricardo Eduardo Pablo Sergio Diego Andrés Raúl Héctor Óscar Ramón João Paulo
        Bruno Thiago""",
        """María Ana Carmen Isabel Laura Cristina Marta Lucía Elena Patricia Rosa Teresa Paula Andrea
        Gabriela Adriana Verónica Mónica Beatriz Silvia Claudia Sofía Valentina Camila Natália Fernanda
        Inês Luísa""",
        """García Rodríguez Martínez López González Pérez Hernández Sánchez Ramírez Torres Flores Gómez
        Díaz Cruz Morales Reyes Ortiz Gutiérrez Castillo Ramos Silva Santos Oliveira Souza Pereira
        Costa Ferreira Almeida Vázquez Muñoz Núñez Peña Ibáñez Romero Vargas Mendoza Rojas Navarro
        Molina Delgado Aguilar Salazar""",
    ),
    "french": (
        0.07,
        """Jean Pierre Michel Jacques François Philippe Alain Bernard Claude André Daniel Nicolas Laurent
        Éric Gérard Christian Patrick Marc Olivier Julien Antoine Guillaume Étienne Rémi Jérôme Benoît Luc
        Mathieu""",
        """Marie Sophie Isabelle Catherine Anne Nathalie Françoise Hélène Julie Claire Sylvie Monique Céline
        Charlotte Brigitte Aurélie Émilie Juliette Valérie Véronique Zoé Chloé Agnès Noémie Élodie Margaux""",
        """Martin Bernard Dubois Durand Moreau Laurent Simon Michel Lefebvre Leroy Roux Fournier Girard
        Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Lefèvre Faure Mercier Blanc Guérin
        Boyer Garnier Chevalier François Legrand Gauthier Perrin Clément Béranger Lemaître Noël
        Desprès Tremblay Gagnon Côté Bélanger""",
    ),
    "german": (
        0.07,
        """Hans Peter Wolfgang Klaus Michael Thomas Jürgen Karl Heinz Günter Stefan Andreas Uwe Frank Werner
        Dieter Otto Max Paul Friedrich Matthias Jörg Rainer Kurt Walter Jan Willem Pieter Björn Lukas""",
        """Anna Maria Ursula Monika Petra Sabine Renate Helga Karin Brigitte Andrea Claudia Susanne Ingrid
        Eva Katharina Julia Birgit Heike Gisela Käthe Hannelore Lena Greta Marlene Johanna Saskia""",
        """Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch
        Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann
        Lange Schmitt Werner Krause Lehmann Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs
        Vogel Böhm Jäger Jansen Visser Bakker""",
    ),
    "italian": (
        0.06,
        """Giuseppe Marco Giovanni Antonio Mario Luigi Francesco Paolo Roberto Andrea Carlo Franco Stefano
        Sergio Enzo Aldo Renato Massimo Fabio Alessandro Vittorio Claudio Piero Dino Niccolò Lorenzo
        Matteo""",
        """Maria Anna Giulia Francesca Laura Sofia Chiara Paola Silvia Valentina Elena Carla Lucia Monica
        Claudia Barbara Rosanna Giovanna Alessandra Federica Ornella Bianca Ilaria Marina Rita""",
        """Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De Luca
        Mancini Costa Giordano Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso
        Ferrara Galli Martini Leone Longo Gentile Martinelli Vitale Nicolò Forlì""",
    ),
    "slavic": (
        0.08,
        """Aleksandr Sergei Vladimir Dmitri Andrei Ivan Mikhail Nikolai Yuri Viktor Oleg Igor Boris Pavel Jan
        Andrzej Piotr Krzysztof Marek Tomasz Jiří Petr Milan Zoran Dragan Goran Łukasz Václav Miloš
        Stanisław""",
        """Elena Olga Natalya Irina Tatyana Svetlana Anna Maria Ekaterina Lyudmila Galina Nina Anastasia
        Daria Katarzyna Agnieszka Małgorzata Ewa Jana Hana Lenka Jelena Milica Zuzana Božena Alžběta
        Ksenia""",
        """Ivanov Petrov Smirnov Kuznetsov Popov Sokolov Volkov Morozov Novikov Kozlov Pavlov Orlov Makarov
        Nowak Kowalski Wiśniewski Wójcik Kamiński Lewandowski Zieliński Novák Svoboda Dvořák Černý Procházka
        Horváth Nagy Kovács Szabó Tóth Petrović Jovanović Nikolić Marković Ilić Horvat Kovačević Babić""",
    ),
    "nordic": (
        0.05,
        """Lars Erik Anders Per Jan Hans Peter Johan Nils Karl Olof Magnus Henrik Fredrik Jonas Ole Jens
        Søren Bjørn Øyvind Åke Göran Håkan Mikael Matti Jukka Pekka Jón""",
        """Anna Eva Maria Karin Kristina Lena Ingrid Birgitta Marie Ulla Anne Kirsten Hanne Liv Astrid Sigrid
        Åsa Märta Linnéa Solveig Tuula Päivi Helena Guðrún Maja Ebba""",
        """Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Gustafsson Hansen
        Jensen Nielsen Pedersen Andersen Christensen Larsen Sørensen Rasmussen Jørgensen Olsen Johansen
        Berg Haugen Sjöberg Lindström Bergström Nyström Holmström Lindqvist Virtanen Korhonen Mäkinen
        Nieminen Jónsson""",
    ),
    "indian": (
        0.08,
        """Raj Amit Sanjay Anil Vijay Rahul Rajesh Ashok Ravi Suresh Ramesh Mohan Prakash Arun Kiran Ajay
        Manoj Deepak Vikram Arjun Krishna Mohammed Imran Naveen Srinivas Venkatesh Gopal Harish""",
        """Priya Anjali Sunita Lakshmi Neha Pooja Meena Kavita Rekha Asha Radha Sita Geeta Shobha Divya
        Shanti Aishwarya Nisha Rani Swati Madhuri Sangeeta Jaya Usha Padma Ananya""",
        """Kumar Singh Sharma Khan Patel Gupta Rao Reddy Nair Das Verma Joshi Mehta Shah Chopra Kapoor Roy
        Ghosh Banerjee Mukherjee Sen Iyer Menon Pillai Naidu Prasad Mishra Pandey Yadav Desai Bose
        Malhotra Ali""",
    ),
    "chinese": (
        0.05,
        """Wei Ming Jun Hao Lei Jian Feng Tao Bo Chun Guang Hong Kai Long Peng Qiang Tian Xiang Yong Zhi
        Jackie Tony Sang-woo Min-ho Joon Dong-hyun Ji-hoon Seung""",
        """Mei Li Fang Xiu Yan Ying Na Jing Hui Lan Xia Yu Ling Qing Shu Maggie Vivian Soo-jin Min-ji Hye-jin
        Eun Ji-woo Yoon-ah Seo-yeon""",
        """Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Cheung Chan
        Wong Leung Lau Cheng Kwan Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo""",
    ),
    "japanese": (
        0.04,
        """Hiroshi Takashi Kenji Akira Makoto Satoshi Kazuo Yoshio Shigeru Masao Ken Ryo Daisuke Kenta Shin
        Kōichi Jun Toshiro Yūki Tetsuya Minoru Haruki Shōta Tadashi""",
        """Yoko Keiko Yumi Akiko Naomi Kumiko Emi Mariko Sachiko Ayumi Haruka Yui Rie Kaori Megumi Chieko
        Setsuko Mai Aoi Sakura Nana Hitomi Yūko Michiko""",
        """Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki
        Yamaguchi Matsumoto Inoue Kimura Hayashi Shimizu Saitō Mori Abe Ikeda Hashimoto Ishikawa Ogawa Gotō
        Okada Hasegawa Fujita Kondō Endō Aoki Nishimura""",
    ),
    "arabic": (
        0.05,
        """Mohamed Ahmed Ali Hassan Omar Mahmoud Khaled Ibrahim Youssef Mustafa Karim Samir Nabil Adel
        Hussein Mehmet Murat Emre Hakan Kemal Reza Amir Hamid Çağlar""",
        """Fatima Leila Mona Nadia Amina Salma Yasmin Hala Samira Soad Dalia Noura Zeynep Ayşe Elif Selin
        Özge Shirin Parisa Mina Golnar Rana Hanan""",
        """Mohamed Ahmed Hassan Ali Ibrahim Mahmoud Said Mansour Khalil Nasser Haddad Salem Farouk Aziz
        Rahman Y\u0131lmaz Kaya Demir Çelik Şahin Y\u0131ld\u0131z Öztürk Ayd\u0131n Özdemir Karimi Hosseini
        Ahmadi Rezaei Moradi Cohen Levy Mizrahi Peretz Friedman""",
    ),
    "african": (
        0.03,
        """Kwame Kofi Chinedu Emeka Tunde Femi Sipho Thabo Themba Abdou Mamadou Ousmane Moussa Ibrahima
        Samuel Emmanuel Joseph Tendai Juma Baraka Yaw Segun""",
        """Ama Akua Ngozi Chioma Funke Yemi Nomsa Thandi Zanele Aminata Fatou Aïssa Mariama Wanjiru Achieng
        Grace Mercy Patience Adaeze Lindiwe Abena""",
        """Okafor Okonkwo Adeyemi Balogun Eze Mensah Owusu Boateng Asante Diop Ndiaye Traoré Diallo Touré
        Keïta Dlamini Nkosi Zulu Khumalo Mokoena Ndlovu Moyo Banda Phiri Mwangi Otieno Kamau Tesfaye
        Bekele Abebe""",
    ),
}

ROLE_NAMES = """
Doctor|Policeman|Narrator|Nurse|Police Officer|Bartender|Waitress|Mother|Father|Waiter|Reporter|Young Man|
Young Woman|The Boss|Guard|Soldier|Teacher|Taxi Driver|Priest|Dancer|Student|Various|Old Man|Old Woman|
Detective|The Judge|Lawyer|Secretary|The King|The Queen|The Prince|Bank Teller|Receptionist|Shopkeeper|
Neighbor|Girlfriend|Boyfriend|Party Guest|Villager|Prisoner|Captain|The Stranger|Ghost|Sheriff|Butler|Maid|
Host|Singer|Thug #1|Thug #2|Cop #1|Man in Bar|Woman at Bus Stop|Passenger|Pilot|The Devil|Angel|Child|Wife|
Husband|Grandmother|Grandfather|Uncle|Aunt|Boy with Dog|Girl in Red|Coach|Henchman|Robot (voice)|Dog (voice)
""".replace("\n", "").split("|")

TITLE_ONSETS = (
    "b d f h l m n p r s t w b bl br c ch cl cr d dr f fl g gl gr h j k l m n p pl pr qu r s sc sh sl st "
    "t th tr v w y z"
).split()
TITLE_VOWELS = "a e i o u a e i o u ai ea ee ia io oo ou".split()
TITLE_CODAS = [*[""] * 8, *"n r l s t m d nd rn st th x ng ck p".split()]
NAME_ONSETS = "b d g h k l m n r s t v b br c ch d dr f g gr h j k kr l m n p r s sch sh st t tr v w y z".split()
NAME_VOWELS = "a e i o u a e i o ai au ei ie".split()
NAME_CODAS = [*[""] * 8, *"n r l s t m k nd rt nz".split()]
LAST_ENDINGS = "son man ski er ez ini ov sen berg ton ian elli akis escu a o i enko wood ley ford ard eau ić".split()
FIRST_ENDINGS = "a o y ie an in el us ia ina ette on ar is elle ko".split()

# ------------------------------------------------------------------------------------------------------------
# Kinds of titles, genres, roles
# ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """One titleType with the habits of its titles: shares of titles, mean numbers of minutes and people."""

    name: str
    share: float
    genres: str
    adult: float
    no_year: float
    year_scale: float  # in years; the smaller, the more recent are the titles
    no_runtime: float
    runtime: float
    cast: float
    no_director: float
    no_writer: float
    crew: float
    rated: float


KINDS = (
    Kind("tvEpisode", 0.7650, "tv", 0.018, 0.120, 13, 0.70, 34, 5.05, 0.46, 0.50, 1.42, 0.080),
    Kind("movie", 0.0530, "film", 0.015, 0.130, 27, 0.36, 92, 4.70, 0.03, 0.12, 3.10, 0.510),
    Kind("tvMovie", 0.0040, "film", 0.010, 0.090, 24, 0.40, 84, 4.70, 0.06, 0.16, 2.80, 0.420),
    Kind("short", 0.0930, "short", 0.008, 0.110, 14, 0.38, 14, 3.40, 0.08, 0.20, 2.40, 0.170),
    Kind("tvSeries", 0.0270, "tv", 0.010, 0.110, 17, 0.60, 40, 4.60, 0.75, 0.60, 1.60, 0.360),
    Kind("video", 0.0290, "film", 0.200, 0.090, 16, 0.45, 70, 4.30, 0.22, 0.60, 1.40, 0.190),
    Kind("tvMiniSeries", 0.0080, "tv", 0.010, 0.110, 12, 0.60, 52, 4.90, 0.45, 0.35, 2.00, 0.320),
    Kind("tvSpecial", 0.0100, "tv", 0.005, 0.070, 22, 0.55, 66, 5.00, 0.40, 0.60, 1.70, 0.240),
    Kind("videoGame", 0.0070, "tv", 0.010, 0.080, 14, 0.98, 60, 5.00, 0.55, 0.50, 1.30, 0.420),
    Kind("tvShort", 0.0030, "short", 0.005, 0.090, 25, 0.40, 11, 3.60, 0.15, 0.30, 2.00, 0.240),
    Kind("tvPilot", 0.0010, "tv", 0.000, 0.100, 14, 0.60, 36, 4.80, 0.30, 0.30, 1.80, 0.050),
)
EPISODE, MOVIE, TV_MOVIE = 0, 1, 2
SERIES_KINDS = tuple(n for n, kind in enumerate(KINDS) if kind.name in ("tvSeries", "tvMiniSeries"))

# genre -> weights among films, television, adult titles
GENRE_WEIGHTS: dict[str, tuple[float, float, float]] = {
    "Action": (8, 7, 0),
    "Adult": (0, 0, 0),
    "Adventure": (4, 6, 0),
    "Animation": (3, 8, 0.3),
    "Biography": (3, 1, 0),
    "Comedy": (17, 24, 3),
    "Crime": (5.5, 8, 0),
    "Documentary": (15, 7, 0.5),
    "Drama": (34, 32, 4),
    "Family": (3.5, 8, 0),
    "Fantasy": (3, 4, 1),
    "Film-Noir": (0.2, 0.01, 0),
    "Game-Show": (0.03, 2.2, 0),
    "History": (2.5, 2.5, 0),
    "Horror": (6, 2, 0.4),
    "Music": (3, 3.5, 0),
    "Musical": (2, 0.6, 0),
    "Mystery": (3, 5, 0),
    "News": (0.3, 3, 0),
    "Reality-TV": (0.1, 4.5, 1),
    "Romance": (8, 9, 2),
    "Sci-Fi": (3, 3, 0.3),
    "Short": (0, 0, 0),
    "Sport": (1.5, 3, 0),
    "Talk-Show": (0.1, 5.5, 0),
    "Thriller": (7, 4, 0.3),
    "War": (2, 0.5, 0),
    "Western": (1.5, 0.8, 0),
}
GENRES = list(GENRE_WEIGHTS)
NONFICTION = {"Documentary", "News", "Reality-TV", "Talk-Show", "Game-Show"}
# set of genres -> (column of the weights, the genre every title of it has)
GENRE_SETS: dict[str, tuple[int, str | None]] = {
    "film": (0, None),
    "tv": (1, None),
    "short": (0, "Short"),
    "adult": (2, "Adult"),
}
GENRE_COMBINATIONS = 4096

CATEGORIES = (
    "actor actress self archive_footage director writer producer composer cinematographer editor "
    "production_designer casting_director"
).split()
ACTOR, ACTRESS, SELF, ARCHIVE, DIRECTOR, WRITER = range(6)
FIRST_CREW = 6
CREW_WEIGHTS = [0.33, 0.15, 0.20, 0.21, 0.055, 0.055]

# The jobs of each category, equally likely; the remaining ones of JOB_SLOTS are null.
JOBS = {
    "writer": (
        "written by|written by|screenplay|screenplay by|story|story by|novel|created by|creator|dialogue|"
        "play|based on characters created by"
    ),
    "producer": "producer|producer|producer|producer|producer|executive producer|p.g.a.|line producer",
    "cinematographer": "director of photography|director of photography|photographed by",
    "director": "co-director",
    "editor": "film editor",
    "composer": "music by",
}
JOB_SLOTS = 16

# Where a person's work lies, in the order of CATEGORIES from director on; for the skews see skewed_ranks.
ROLES = (
    "acting self director writer producer composer cinematographer editor production_designer casting_director other"
).split()
ROLE_SHARES = [0.36, 0.15, 0.065, 0.075, 0.09, 0.03, 0.035, 0.045, 0.012, 0.008, 0.13]
ACTING_SKEW, SELF_SKEW, DIRECTOR_SKEW, WRITER_SKEW, OTHER_CREW_SKEW = 1.7, 1.6, 1.8, 1.8, 1.8
ACTING_ROLE, SELF_ROLE, DIRECTOR_ROLE, WRITER_ROLE = range(4)
FILM_ACTORS_SHARE, FILM_ACTORS_SKEW = 0.14, 2.5
HEAD = 3
ACTORS_IN_FIVE = 3

SIDE_PROFESSIONS = """
producer writer director miscellaneous actor camera_department editor sound_department soundtrack
art_department music_department visual_effects editorial_department assistant_director
make_up_department production_manager animation_department costume_department stunts archive_footage
composer cinematographer script_department electrical_department special_effects location_management
casting_department art_director costume_designer set_decorator transportation_department executive
podcaster talent_agent manager publicist
""".split()
PROFESSION_COMBINATIONS = 512

# ------------------------------------------------------------------------------------------------------------
# Random draws
# ------------------------------------------------------------------------------------------------------------

(
    STREAM_TABLES,
    STREAM_IDS,
    STREAM_TITLES,
    STREAM_CREW,
    STREAM_TEXT,
    STREAM_RATINGS,
    STREAM_CAST,
    STREAM_NAMES,
) = range(8)


def stream(seed: int, purpose: int, number: int = 0) -> np.random.Generator:
    """Return the generator for one purpose and chunk; equal arguments give equal draws in every process."""
    return np.random.Generator(np.random.SFC64([seed, purpose, number]))


class Choices:
    """Weighted choices by table look-up: one weight list for each group, drawn for arrays of groups."""

    SLOTS = 65_536

    def __init__(self, *weights: Sequence[float]) -> None:
        """Make the tables; ``weights[group][choice]`` need not add up to one."""
        tables = []
        for group in weights:
            bounds = np.round(np.cumsum(group) / math.fsum(group) * self.SLOTS).astype(np.int64)
            tables.append(np.repeat(np.arange(len(group), dtype=np.uint8), np.diff(bounds, prepend=0)))
        self.table: Small = np.concatenate(tables)

    def draw(self, rng: np.random.Generator, count: int, groups: Ints | Small | None = None) -> Ints:
        """Draw ``count`` choices, the i-th by the weights of ``groups[i]`` (of the first group without)."""
        slots = rng.integers(0, self.SLOTS, count, dtype=np.uint16).astype(np.int64)
        if groups is not None:
            slots += groups.astype(np.int64) * self.SLOTS
        return self.table[slots].astype(np.int64)


def zipf_ranks(uniform: Floats, sizes: Ints | int, shift: float = 1.0) -> Ints:
    """Turn uniform draws into ranks below ``sizes`` by Zipf's law: rank r has a chance of about 1/(r+shift).

    A greater shift flattens the head.
    """
    growth = np.exp(uniform * np.log((sizes + shift) / shift))
    ranks: Ints = (shift * (growth - 1)).astype(np.int64)
    return np.minimum(ranks, sizes - 1)


def skewed_ranks(uniform: Floats, sizes: Ints | int, skew: float) -> Ints:
    """Turn uniform draws into ranks below ``sizes``: the busiest share x has the share x ** (1 / skew).

    The head is flattened by HEAD ranks, lest the very first outdo all others.
    """
    least = (HEAD / sizes) ** (1 / skew)
    ranks: Ints = ((least + (1 - least) * uniform) ** skew * sizes - HEAD).astype(np.int64)
    return ranks


def poisson_weights(mean: float, size: int) -> list[float]:
    """Return the chances of 0..size-1 for a Poisson distribution of this mean."""
    return [math.exp(-mean) * mean**n / math.factorial(n) for n in range(size)]


# ------------------------------------------------------------------------------------------------------------
# Text columns
# ------------------------------------------------------------------------------------------------------------


def text_array(texts: Sequence[str]) -> Texts:
    """Return the texts as an array of fixed-width UTF-8."""
    return np.array([text.encode() for text in texts], dtype=np.bytes_)


def join_columns(rows: int, columns: Sequence[Texts | bytes]) -> bytearray:
    """Join columns of fixed-width text, row by row, without their padding.

    A column is an array of ``rows`` texts, an array with several texts for each row, or one text for all.
    """
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    for number, column in enumerate(columns):
        if isinstance(column, bytes):
            fields.append((f"c{number}", f"S{len(column)}", ()))
        else:
            fields.append((f"c{number}", column.dtype.str, column.shape[1:]))
    layout = np.dtype(fields)
    buffer = bytearray(rows * layout.itemsize)
    records = np.frombuffer(buffer, dtype=layout)
    for number, column in enumerate(columns):
        records[f"c{number}"] = column
    return buffer.translate(None, b"\0")


class IdText:
    """The text of ids such as tt0001234 or nm12345678, looked up in two tables."""

    HIGH, LOW = 10_000, 10_000

    def __init__(self, prefix: str, suffix: str = "") -> None:
        """Make the tables; prefix and suffix frame the digits, a missing id (-1) becomes no text at all."""
        self.high = text_array([f"{prefix}{number:03}" for number in range(self.HIGH)] + [""])
        self.low = text_array([f"{number:04}{suffix}" for number in range(self.LOW)] + [""])

    def columns(self, numbers: Ints) -> list[Texts]:
        """Return the two columns that make up the ids."""
        high, low = np.divmod(numbers, self.LOW)
        missing = numbers < 0
        if missing.any():
            high[missing], low[missing] = self.HIGH, self.LOW
        return [self.high[high], self.low[low]]

    def whole(self, numbers: Ints) -> Texts:
        """Return the ids as one column."""
        high, low = self.columns(numbers)
        return np.strings.add(high, low)


def ids_in_text_order(rng: np.random.Generator, count: int, span: int, least_step: float) -> npt.NDArray[np.int32]:
    """Return ``count`` distinct id numbers with random gaps, sorted as IMDb sorts them: as text.

    They fill the span, or go beyond it where the mean step would be less than ``least_step``.
    """
    step = max(span / count, least_step)
    numbers = (np.arange(count) * step + rng.random(count) * (step - 1)).astype(np.int64) + 1
    # A key in text order: the first seven digits, then whether and which eighth digit follows.
    keys = np.where(numbers < 10_000_000, numbers * 11, numbers // 10 * 11 + numbers % 10 + 1)
    keys.sort()
    seven, eighth = np.divmod(keys, 11)
    return np.where(eighth == 0, seven, seven * 10 + eighth - 1).astype(np.int32)


def made_words(
    rng: np.random.Generator, count: int, parts: tuple[list[str], list[str], list[str]], endings: list[str]
) -> list[str]:
    """Make ``count`` distinct capitalised words of syllables (onset, vowel, coda), some with an ending."""
    onsets, vowels, codas = parts
    words: dict[str, None] = {}
    while len(words) < count:
        batch = 20_000
        picks = [rng.integers(0, len(part), (batch, 3)).tolist() for part in (onsets, vowels, codas)]
        syllables = rng.integers(1, 4, batch).tolist()
        ends = rng.integers(0, 2 * len(endings) + 1, batch).tolist()
        for onset, vowel, coda, length, end in zip(*picks, syllables, ends, strict=True):
            stem = "".join(onsets[onset[n]] + vowels[vowel[n]] + codas[coda[n]] for n in range(length))
            word = stem + endings[end] if end < len(endings) else stem
            if 3 <= len(word) <= 13:
                words[word[0].upper() + word[1:]] = None
    return list(words)[:count]


# ------------------------------------------------------------------------------------------------------------
# Titles in words
# ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WordRange:
    """The words start..start+size-1 of the vocabulary, the frequent ones first."""

    start: int
    size: int
    shift: float

    def draw(self, rng: np.random.Generator, *shape: int) -> Ints:
        """Draw words by Zipf's law."""
        return zipf_ranks(rng.random(shape), self.size, self.shift) + self.start


class Vocabulary:
    """The words of titles. Word 0 is empty; word n at the start of a title, n + size within one."""

    MADE, MADE_ACCENTED = 97_000, 3_000
    CONTENT_SHIFT, ACCENTED_SHIFT = 50.0, 40.0
    COUNTS = Choices([0, 17, 27, 25, 16, 9, 4, 2])

    def __init__(self, rng: np.random.Generator) -> None:
        """Put the vocabulary together from the lists and from made words."""
        self.entries: list[tuple[str, str]] = [("", "")]
        parts = (TITLE_ONSETS, TITLE_VOWELS, TITLE_CODAS)
        listed = [word[0].upper() + word[1:] for word in dict.fromkeys(TITLE_WORDS)]
        listed += made_words(rng, self.MADE, parts, "ed ing s ers y ion".split())
        self.content = self._add(listed, self.CONTENT_SHIFT)
        self.links = self._add(LINK_WORDS)
        self.articles = self._add(["The", "The", "The", "The", "A"])
        self.numbers = self._add(NUMBER_WORDS)
        accented = [word[0].upper() + word[1:] for word in ACCENTED_WORDS]
        accented += made_words(rng, self.MADE_ACCENTED, (TITLE_ONSETS, list("éèüöåñøãçíóú"), TITLE_CODAS), ["e", "o"])
        self.accented = self._add(accented, self.ACCENTED_SHIFT)
        self.scripts = [
            self._add(words, gap="" if name == GLUED_SCRIPT else " ") for name, words in SCRIPT_WORDS.items()
        ]
        self.dated = self._add(["Episode", "dated"])
        self.days = self._add([str(day) for day in range(1, 29)])
        self.months = self._add(MONTHS)
        self.years = self._add([str(year) for year in range(1960, THIS_YEAR + 1)])
        self.size = len(self.entries)
        self.texts = text_array([first for first, _ in self.entries] + [later for _, later in self.entries])

    def _add(self, words: Sequence[str], shift: float = 1.0, gap: str = " ") -> WordRange:
        start = len(self.entries)
        self.entries.extend((word, gap + word) for word in words)
        return WordRange(start, len(words), shift)

    def titles(self, rng: np.random.Generator, count: int, accented: float, other_script: float) -> Ints:
        """Draw titles as rows of word numbers, with these shares of accented words and of other scripts."""
        lengths = self.COUNTS.draw(rng, count)
        words = self.content.draw(rng, count, MAX_WORDS)
        articles = rng.random(count) < 0.37
        words[articles, 0] = self.articles.start + rng.integers(0, self.articles.size, int(articles.sum()))
        lengths[articles & (lengths == 1)] = 2
        linked = articles
        for place in range(1, MAX_WORDS - 1):
            linked = (rng.random(count) < 0.35) & ~linked & (place < lengths - 1)
            words[linked, place] = self.links.draw(rng, int(linked.sum()))
        self._vary(rng, words, lengths, accented, other_script)
        return self._finished(words, lengths)

    def _vary(self, rng: np.random.Generator, words: Ints, lengths: Ints, accented: float, other: float) -> None:
        """Put numbers, accented words and other scripts into some of the titles."""
        count = len(lengths)
        rows = np.flatnonzero(rng.random(count) < 0.015)
        words[rows, 0] = self.numbers.draw(rng, len(rows))
        rows = np.flatnonzero(rng.random(count) < accented)
        words[rows, lengths[rows] - 1] = self.accented.draw(rng, len(rows))
        scripts = np.where(rng.random(count) < other, rng.integers(0, len(self.scripts), count), -1)
        for number, script in enumerate(self.scripts):
            rows = np.flatnonzero(scripts == number)
            words[rows] = script.draw(rng, len(rows), MAX_WORDS)

    def _finished(self, words: Ints, lengths: Ints) -> Ints:
        """Empty the places beyond each title's length and give later words their gaps."""
        words[np.arange(MAX_WORDS) >= lengths[:, None]] = 0
        words[:, 1:] += self.size
        return words

    def dated_episodes(self, rng: np.random.Generator, count: int) -> Ints:
        """Draw titles such as "Episode dated 12 March 2004"."""
        words = np.zeros((count, MAX_WORDS), dtype=np.int64)
        words[:, 0], words[:, 1] = self.dated.start, self.dated.start + 1
        for place, part in ((2, self.days), (3, self.months), (4, self.years)):
            words[:, place] = part.start + rng.integers(0, part.size, count)
        return self._finished(words, np.full(count, 5))


EPISODE_PREFIXES = ["Episode #", "Episodio #", "Folge #", "Épisode #", "Afsnit #"]
PREFIXES = ["", '"', "...", "'", "#", "(", "¿", "¡", "-", "$", ".", "'n' ", "@", *EPISODE_PREFIXES]
PREFIX_CHOICES = Choices([9870, 30, 25, 20, 12, 8, 8, 8, 5, 5, 4, 3, 2])
QUOTE_PREFIX, EPISODE_PREFIX = 1, PREFIXES.index("Episode #")
SUFFIXES = "|!|?|...| 2| II| 3|: Part One|\"|)| III|!?|: The Movie| (Part 2)|'".split("|")
SUFFIX_CHOICES = Choices([9400, 130, 90, 40, 110, 60, 40, 30, 25, 12, 25, 5, 15, 14, 4])
QUOTE_SUFFIX = SUFFIXES.index('"')
SEASONS, EPISODES = 40, 400

# ------------------------------------------------------------------------------------------------------------
# Titles
# ------------------------------------------------------------------------------------------------------------


def year_weights(kind: Kind) -> list[float]:
    """Return the weights of no year (choice 0) and of FIRST_YEAR..LAST_YEAR, growing towards today."""
    weights = []
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        weight = math.exp(-max(2023 - year, 0) / kind.year_scale) + 0.012
        weights.append(weight * {2025: 0.9, 2026: 0.35, 2027: 0.03}.get(year, 1.0))
    total = math.fsum(weights)
    return [kind.no_year] + [weight / total * (1 - kind.no_year) for weight in weights]


def runtime_weights(kind: Kind) -> list[float]:
    """Return the weights of no runtime (choice 0) and of 1..255 minutes."""
    spread = kind.runtime * 0.27
    weights = []
    for minutes in range(1, 256):
        weight = math.exp(-(((minutes - kind.runtime) / spread) ** 2) / 2) + 0.015 * math.exp(-minutes / kind.runtime)
        weights.append(weight * (4 if minutes % 30 == 0 else 2 if minutes % 10 == 0 else 1))
    total = math.fsum(weights)
    return [kind.no_runtime] + [weight / total * (1 - kind.no_runtime) for weight in weights]


KIND_CHOICES = Choices([kind.share for kind in KINDS])
YEAR_CHOICES = Choices(*(year_weights(kind) for kind in KINDS))
RUNTIME_CHOICES = Choices(*(runtime_weights(kind) for kind in KINDS))
CAST_CHOICES = Choices(*(poisson_weights(kind.cast, MAX_CAST + 1) for kind in KINDS))
CREW_CHOICES = Choices(*(poisson_weights(kind.crew, 9) for kind in KINDS))
DIRECTOR_CHOICES = Choices(
    *([kind.no_director, *((1 - kind.no_director) * share for share in (0.9, 0.085, 0.015))] for kind in KINDS)
)
WRITER_CHOICES = Choices(
    *([kind.no_writer, *((1 - kind.no_writer) * share for share in (0.56, 0.25, 0.11, 0.05, 0.03))] for kind in KINDS)
)
ADULT_SHARES = np.array([kind.adult for kind in KINDS])
RATED_SHARES = np.array([kind.rated for kind in KINDS])
RATED_SHARES *= RATED_SHARE / float(np.dot(RATED_SHARES, [kind.share for kind in KINDS]))
SET_NAMES = list(GENRE_SETS)
KIND_GENRES = np.array([SET_NAMES.index(kind.genres) for kind in KINDS])
ADULT_SET = SET_NAMES.index("adult")


class Genres:
    """Combinations of genres, GENRE_COMBINATIONS for each set in GENRE_SETS."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the combinations."""
        combinations: list[list[str]] = []
        for column, fixed in GENRE_SETS.values():
            weights = [genre_weights[column] for genre_weights in GENRE_WEIGHTS.values()]
            with np.errstate(divide="ignore"):
                keys = np.log(weights) + rng.gumbel(size=(GENRE_COMBINATIONS, len(GENRES)))
            ranked = np.argsort(-keys, axis=1)[:, :3].tolist()
            counts = Choices([4, 44, 29, 23]).draw(rng, GENRE_COMBINATIONS).tolist()
            for order, count in zip(ranked, counts, strict=True):
                names = [GENRES[number] for number in order[:count]]
                combinations.append(sorted([fixed, *names[:2]] if fixed else names))
        self.texts = text_array([",".join(names) or r"\N" for names in combinations])
        self.nonfiction: Bools = np.array([not NONFICTION.isdisjoint(names) for names in combinations])

    def draw(self, rng: np.random.Generator, kinds: Ints, adult: Bools) -> Ints:
        """Draw a combination for each title by its kind."""
        sets = np.where(adult, ADULT_SET, KIND_GENRES[kinds])
        return sets * GENRE_COMBINATIONS + rng.integers(0, GENRE_COMBINATIONS, len(kinds))


@dataclass(frozen=True, slots=True)
class Chunk:
    """The titles of one chunk.

    A unit is what shares a cast: a run of episodes of one series, or any other title by itself.
    """

    number: int
    first: int
    ids: Ints
    kinds: Ints
    units: Ints
    unit_kinds: Ints
    unit_adult: Bools
    unit_genres: Ints

    def __len__(self) -> int:
        """Return the number of titles."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class World:
    """What every chunk needs: the ids of all titles and people, and the tables drawn once."""

    seed: int
    titles: npt.NDArray[np.int32]
    people: People
    genres: Genres

    @classmethod
    def make(cls, titles: int, seed: int) -> World:
        """Make the world of ``titles`` titles."""
        rng = stream(seed, STREAM_IDS)
        names = round(titles * NAMES_PER_TITLE)
        title_ids = ids_in_text_order(rng, titles, TITLE_ID_SPAN, TITLE_ID_SPAN / DEFAULT_TITLES)
        name_step = NAME_ID_SPAN / (DEFAULT_TITLES * NAMES_PER_TITLE)
        name_ids = ids_in_text_order(rng, names, NAME_ID_SPAN, name_step)
        return cls(seed, title_ids, People(name_ids), Genres(stream(seed, STREAM_TABLES)))

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of titles, in the order of their ids."""
        for number, first in enumerate(range(0, len(self.titles), CHUNK)):
            yield self.chunk(number, first)

    def chunk(self, number: int, first: int) -> Chunk:
        """Make one chunk: kinds, runs of episodes, genres."""
        rng = stream(self.seed, STREAM_TITLES, number)
        ids = self.titles[first : first + CHUNK].astype(np.int64)
        kinds = KIND_CHOICES.draw(rng, len(ids))
        episodes = kinds == EPISODE
        runs = np.cumsum(episodes & (rng.random(len(ids)) < 1 / 12))
        others = np.flatnonzero(~episodes)
        units = runs.copy()
        units[others] = runs[-1] + 1 + np.arange(len(others))
        unit_kinds = np.concatenate([np.full(int(runs[-1]) + 1, EPISODE), kinds[others]])
        adult = rng.random(len(unit_kinds)) < ADULT_SHARES[unit_kinds]
        genres = self.genres.draw(rng, unit_kinds, adult)
        return Chunk(number, first, ids, kinds, units, unit_kinds, adult, genres)


class BasicsText:
    """The rows of title.basics."""

    ORIGINAL_DIFFERS, EPISODE_ORIGINAL_DIFFERS = 0.15, 0.06

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.world = world
        self.vocabulary = Vocabulary(stream(world.seed, STREAM_TABLES, 1))
        self.ids = IdText("tt", "\t")
        self.kinds = text_array([f"{kind.name}\t" for kind in KINDS])
        self.prefixes = text_array(PREFIXES)
        episodes = [f"{season}.{episode}" for season in range(1, SEASONS + 1) for episode in range(1, EPISODES + 1)]
        self.suffixes = text_array([f"{suffix}\t" for suffix in SUFFIXES + episodes])
        self.adult = text_array(["0\t", "1\t"])
        self.years = text_array(["\\N\t"] + [f"{year}\t" for year in range(FIRST_YEAR, LAST_YEAR + 1)])
        self.runtimes = text_array(["\\N\t"] + [f"{minutes}\t" for minutes in range(1, 256)])

    def rows(self, chunk: Chunk) -> bytearray:
        """Return the text of one chunk."""
        rng = stream(self.world.seed, STREAM_TEXT, chunk.number)
        columns: list[Texts | bytes] = [*self.ids.columns(chunk.ids), self.kinds[chunk.kinds]]
        for prefix, words, suffix in self._titles(rng, chunk):
            columns += [self.prefixes[prefix], self.vocabulary.texts[words], self.suffixes[suffix]]
        columns.append(self.adult[chunk.unit_adult[chunk.units].astype(np.int64)])
        columns += self._years(rng, chunk)
        columns.append(self.runtimes[RUNTIME_CHOICES.draw(rng, len(chunk), chunk.kinds)])
        columns += [self.world.genres.texts[chunk.unit_genres[chunk.units]], b"\n"]
        return join_columns(len(chunk), columns)

    def _titles(self, rng: np.random.Generator, chunk: Chunk) -> list[tuple[Ints, Ints, Ints]]:
        """Draw the primary and the original titles, each as prefix, words and suffix."""
        count = len(chunk)
        words = np.zeros((count, MAX_WORDS), dtype=np.int64)
        prefix = np.full(count, EPISODE_PREFIX)
        suffix = self._episode_numbers(rng, chunk)
        style = rng.random(count)
        worded = np.flatnonzero((chunk.kinds != EPISODE) | (style < 0.33))
        words[worded], prefix[worded], suffix[worded] = self._worded(rng, len(worded), 0.06, 0.02)
        dated = np.flatnonzero((chunk.kinds == EPISODE) & (style > 0.90))
        words[dated], prefix[dated], suffix[dated] = self.vocabulary.dated_episodes(rng, len(dated)), 0, 0

        original_words, original_prefix, original_suffix = words.copy(), prefix.copy(), suffix.copy()
        rows = worded[rng.random(len(worded)) < self.ORIGINAL_DIFFERS]
        original_words[rows], original_prefix[rows], original_suffix[rows] = self._worded(rng, len(rows), 0.35, 0.06)
        rows = np.flatnonzero((prefix == EPISODE_PREFIX) & (rng.random(count) < self.EPISODE_ORIGINAL_DIFFERS))
        original_prefix[rows] += rng.integers(1, len(EPISODE_PREFIXES), len(rows))
        return [(prefix, words, suffix), (original_prefix, original_words, original_suffix)]

    def _worded(self, rng: np.random.Generator, count: int, accented: float, other: float) -> tuple[Ints, Ints, Ints]:
        """Draw titles of words with their punctuation; of the opening quotes half are closed."""
        words = self.vocabulary.titles(rng, count, accented, other)
        prefix, suffix = PREFIX_CHOICES.draw(rng, count), SUFFIX_CHOICES.draw(rng, count)
        suffix[(prefix == QUOTE_PREFIX) & (rng.random(count) < 0.5)] = QUOTE_SUFFIX
        return words, prefix, suffix

    def _episode_numbers(self, rng: np.random.Generator, chunk: Chunk) -> Ints:
        """Return the suffixes of "Episode #": a season for each run, episodes counted up within it."""
        units = len(chunk.unit_kinds)
        seasons = zipf_ranks(rng.random((units,)), SEASONS)
        starts = zipf_ranks(rng.random((units,)), EPISODES)
        is_episode = (chunk.kinds == EPISODE).astype(np.int64)
        counted = np.cumsum(is_episode)
        before = np.zeros(units, dtype=np.int64)
        before[chunk.units[::-1]] = counted[::-1]
        number: Ints = (starts[chunk.units] + counted - before[chunk.units]) % EPISODES
        return number + seasons[chunk.units] * EPISODES + len(SUFFIXES)

    def _years(self, rng: np.random.Generator, chunk: Chunk) -> list[Texts]:
        """Return the columns of start and end years; only series end, about half of them."""
        start = YEAR_CHOICES.draw(rng, len(chunk), chunk.kinds)
        end = np.zeros(len(chunk), dtype=np.int64)
        rows = np.flatnonzero(np.isin(chunk.kinds, SERIES_KINDS) & (start > 0) & (rng.random(len(chunk)) < 0.5))
        end[rows] = np.minimum(start[rows] + rng.geometric(0.4, len(rows)) - 1, LAST_YEAR - FIRST_YEAR + 1)
        return [self.years[start], self.years[end]]


class RatingsText:
    """The rows of title.ratings."""

    MAX_VOTES, LEAST_VOTES = 3_100_000, 5
    FILM_TAIL, OTHER_TAIL = 0.68, 0.95

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.seed = world.seed
        self.ids = IdText("tt", "\t")
        self.ratings = text_array([f"{tenths / 10:.1f}\t" for tenths in range(101)])

    def rows(self, chunk: Chunk) -> tuple[bytearray, int]:
        """Return the text and the number of rows of one chunk."""
        rng = stream(self.seed, STREAM_RATINGS, chunk.number)
        rated = np.flatnonzero(rng.random(len(chunk)) < RATED_SHARES[chunk.kinds])
        kinds = chunk.kinds[rated]
        tenths = np.clip(np.round(rng.normal(70, 13.5, len(rated))), 10, 100).astype(np.int64)
        tails = np.where((kinds == MOVIE) | (kinds == TV_MOVIE), self.FILM_TAIL, self.OTHER_TAIL)
        votes = self.LEAST_VOTES * (1 - rng.random(len(rated))) ** (-1 / tails)
        votes = np.minimum(votes, self.MAX_VOTES * (0.3 + 0.7 * rng.random(len(rated))))
        counts = votes.astype(np.int64).astype("S7")
        columns: list[Texts | bytes] = [
            *self.ids.columns(chunk.ids[rated]),
            self.ratings[tenths],
            counts,
            b"\n",
        ]
        return join_columns(len(rated), columns), len(rated)


# ------------------------------------------------------------------------------------------------------------
# People and their work
# ------------------------------------------------------------------------------------------------------------


class People:
    """All people: a person is a place, and the places of one role follow each other, the busiest first.

    The row of a person in name.basics comes from the place by a one-to-one mixing, so that busy and idle
    people and the roles are spread all over the ids.
    """

    def __init__(self, ids: npt.NDArray[np.int32]) -> None:
        """Lay the roles out over as many places as there are ids."""
        self.ids = ids
        self.count = len(ids)
        shares = np.cumsum([0.0, *ROLE_SHARES]) / math.fsum(ROLE_SHARES)
        self.bounds: Ints = np.round(shares * self.count).astype(np.int64)
        self.starts: Ints = self.bounds[:-1]
        self.sizes: Ints = np.diff(self.bounds)
        self.factor = self._coprime(int(self.count * 0.618))
        self.unfactor = pow(self.factor, -1, self.count)
        self.acting = int(self.sizes[ACTING_ROLE])
        self.film_acting = int(self.count * FILM_ACTORS_SHARE)
        self.tv_factor = next(n for n in range(int(self.acting * 0.38), 0, -1) if math.gcd(n, self.acting) == 1)

    def _coprime(self, start: int) -> int:
        return next(n for n in range(start, 0, -1) if math.gcd(n, self.count) == 1)

    def rows(self, places: Ints) -> Ints:
        """Return the rows (in name.basics) of people at these places."""
        return (places * self.factor + 7) % self.count

    def places(self, rows: Ints) -> Ints:
        """Return the places of people in these rows; undoes ``rows``."""
        return (rows - 7) * self.unfactor % self.count

    def draw(self, uniform: Floats, role: int, skew: float) -> Ints:
        """Turn uniform draws into people of a role, the busy ones far more often."""
        return skewed_ranks(uniform, int(self.sizes[role]), skew) + int(self.starts[role])

    def draw_actors(self, uniform: Floats, films: Bools) -> Ints:
        """Turn uniform draws into people who act; films and the rest each have their own busiest people."""
        film = skewed_ranks(uniform, self.film_acting, FILM_ACTORS_SKEW)
        other = self.draw(uniform, ACTING_ROLE, ACTING_SKEW)
        return np.where(films, film, (other * self.tv_factor + self.acting // 3) % self.acting)

    def redraw(self, rng: np.random.Generator, places: Ints) -> Ints:
        """Draw other people of the same roles, all equally likely."""
        roles = np.searchsorted(self.bounds, places, side="right") - 1
        ranks: Ints = (rng.random(len(places)) * self.sizes[roles]).astype(np.int64)
        return ranks + self.starts[roles]


def without_repeats(rng: np.random.Generator, people: People, table: Ints) -> Ints:
    """Redraw who stands in a row of the table a second time."""
    for _ in range(2):
        for column in range(1, table.shape[1]):
            again = np.flatnonzero((table[:, :column] == table[:, column : column + 1]).any(axis=1))
            table[again, column] = people.redraw(rng, table[again, column])
    return table


@dataclass(frozen=True, slots=True)
class Crew:
    """Directors and writers of a chunk's titles: places of people, -1 beyond each title's count."""

    directors: Ints
    director_counts: Ints
    writers: Ints
    writer_counts: Ints


EPISODE_CHANGES = 0.3


def make_crew(world: World, chunk: Chunk) -> Crew:
    """Draw the directors and writers of a chunk; title.crew and title.principals both use them."""
    rng = stream(world.seed, STREAM_CREW, chunk.number)
    people, kinds = world.people, chunk.unit_kinds
    director_counts = DIRECTOR_CHOICES.draw(rng, len(kinds), kinds)[chunk.units]
    writer_counts = WRITER_CHOICES.draw(rng, len(kinds), kinds)[chunk.units]
    episodes = chunk.kinds == EPISODE
    tables = []
    for role, skew, width in (
        (DIRECTOR_ROLE, DIRECTOR_SKEW, MAX_DIRECTORS),
        (WRITER_ROLE, WRITER_SKEW, MAX_WRITERS),
    ):
        table = people.draw(rng.random((len(kinds), width)), role, skew)[chunk.units]
        changed = np.flatnonzero(episodes & (rng.random(len(chunk)) < EPISODE_CHANGES))
        table[changed] = people.draw(rng.random((len(changed), width)), role, skew)
        tables.append(without_repeats(rng, people, table))
    directors, writers = tables
    own = ~episodes & (director_counts > 0) & (rng.random(len(chunk)) < 0.4)
    writers[own, 0] = directors[own, 0]
    directors[np.arange(MAX_DIRECTORS) >= director_counts[:, None]] = -1
    writers[np.arange(MAX_WRITERS) >= writer_counts[:, None]] = -1
    return Crew(directors, director_counts, writers, writer_counts)


class CrewText:
    """The rows of title.crew."""

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.people = world.people
        self.ids = IdText("tt", "\t")
        self.first, self.later = IdText("nm"), IdText(",nm")
        self.null = np.array([rb"\N", b""])

    def rows(self, chunk: Chunk, crew: Crew) -> bytearray:
        """Return the text of one chunk."""
        columns: list[Texts | bytes] = [
            *self.ids.columns(chunk.ids),
            *self._list(crew.directors, crew.director_counts),
            b"\t",
            *self._list(crew.writers, crew.writer_counts),
            b"\n",
        ]
        return join_columns(len(chunk), columns)

    def _list(self, places: Ints, counts: Ints) -> list[Texts]:
        numbers = np.where(places < 0, -1, self.people.ids[self.people.rows(places)].astype(np.int64))
        columns = [self.null[np.minimum(counts, 1)], *self.first.columns(numbers[:, 0])]
        for place in range(1, places.shape[1]):
            columns += self.later.columns(numbers[:, place])
        return columns


@dataclass(frozen=True, slots=True)
class Credits:
    """The principals of a chunk, row by row."""

    titles: Ints
    slots: Ints
    places: Ints
    categories: Ints


class Casting:
    """Draws the principals: cast first, then directors, writers and the other crew."""

    FICTION, NONFICTION = [0, 0.97, 0.02, 0.01], [0, 0.07, 0.88, 0.05]

    def __init__(self, world: World) -> None:
        """Make the tables of choices."""
        self.world = world
        self.cast_kinds = Choices(self.FICTION, self.NONFICTION)
        self.crew_categories = Choices(CREW_WEIGHTS)

    def draw(self, chunk: Chunk, crew: Crew) -> Credits:
        """Draw the principals of a chunk."""
        rng = stream(self.world.seed, STREAM_CAST, chunk.number)
        cast = CAST_CHOICES.draw(rng, len(chunk.unit_kinds), chunk.unit_kinds)[chunk.units]
        directors, writers = crew.director_counts, np.minimum(crew.writer_counts, PRINCIPAL_WRITERS)
        named = cast + directors + writers
        others = CREW_CHOICES.draw(rng, len(chunk), chunk.kinds)
        others = np.maximum(np.minimum(others, MAX_PRINCIPALS - named), (named == 0).astype(np.int64))
        counts = named + others
        titles = np.repeat(np.arange(len(chunk)), counts)
        slots = np.arange(len(titles)) - np.repeat(np.cumsum(counts) - counts, counts)
        places, categories = np.empty_like(titles), np.empty_like(titles)

        as_cast = np.flatnonzero(slots < cast[titles])
        places[as_cast], categories[as_cast] = self._cast(rng, chunk, titles[as_cast], slots[as_cast])
        before = cast
        for category, table, size in ((DIRECTOR, crew.directors, directors), (WRITER, crew.writers, writers)):
            offsets = slots - before[titles]
            rows = np.flatnonzero((offsets >= 0) & (offsets < size[titles]))
            places[rows], categories[rows] = table[titles[rows], offsets[rows]], category
            before = before + size
        as_crew = np.flatnonzero(slots >= named[titles])
        places[as_crew], categories[as_crew] = self._other_crew(rng, titles[as_crew])
        self._redraw_repeats(rng, titles, places, np.concatenate([as_cast, as_crew]))
        men = as_cast[(categories[as_cast] == ACTRESS) & is_male(places[as_cast])]
        categories[men] = ACTOR
        return Credits(titles, slots, places, categories)

    def _cast(self, rng: np.random.Generator, chunk: Chunk, titles: Ints, slots: Ints) -> tuple[Ints, Ints]:
        """Draw places and categories (ACTRESS for all who act) of the cast.

        A run of episodes has the same cast but for some changes from episode to episode.
        """
        kinds, units = chunk.kinds[titles], chunk.units[titles]
        uniform = rng.random((len(chunk.unit_kinds), MAX_CAST))[units, slots]
        changed = np.flatnonzero((kinds == EPISODE) & (rng.random(len(titles)) < EPISODE_CHANGES))
        uniform[changed] = rng.random(len(changed))
        people = self.world.people
        nonfiction = self.world.genres.nonfiction[chunk.unit_genres[units]]
        actors = people.draw_actors(uniform, (kinds == MOVIE) | (kinds == TV_MOVIE))
        places = np.where(nonfiction, people.draw(uniform, SELF_ROLE, SELF_SKEW), actors)
        return places, self.cast_kinds.draw(rng, len(titles), nonfiction.astype(np.int64))

    def _other_crew(self, rng: np.random.Generator, titles: Ints) -> tuple[Ints, Ints]:
        """Draw places and categories of the other crew, in each title in the order of the categories."""
        keys = titles * len(CATEGORIES) + FIRST_CREW + self.crew_categories.draw(rng, len(titles))
        keys.sort()
        categories = keys % len(CATEGORIES)
        people = self.world.people
        roles = categories + (ROLES.index(CATEGORIES[FIRST_CREW]) - FIRST_CREW)
        ranks = skewed_ranks(rng.random(len(titles)), people.sizes[roles], OTHER_CREW_SKEW)
        return people.starts[roles] + ranks, categories

    def _redraw_repeats(self, rng: np.random.Generator, titles: Ints, places: Ints, rows: Ints) -> None:
        """Redraw who stands twice among the cast and other crew of one title."""
        for _ in range(2):
            keys = titles[rows] * self.world.people.count + places[rows]
            order = np.argsort(keys)
            again = rows[order[1:][np.diff(keys[order]) == 0]]
            places[again] = self.world.people.redraw(rng, places[again])


def is_male(places: Ints) -> Bools:
    """Tell the sex of the people at these places."""
    return places % 5 < ACTORS_IN_FIVE


class PrincipalsText:
    """The rows of title.principals."""

    CHARACTERS = 65_536

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.world = world
        self.title_ids, self.name_ids = IdText("tt", "\t"), IdText("nm", "\t")
        self.orderings = text_array([f"{number}\t" for number in range(1, MAX_PRINCIPALS + 1)])
        jobs = []
        for category in CATEGORIES:
            named = JOBS[category].split("|") if category in JOBS else []
            jobs += [f"{category}\t{job}\t" for job in named + [r"\N"] * (JOB_SLOTS - len(named))]
        self.jobs = text_array(jobs)
        self.characters = text_array([*character_texts(stream(world.seed, STREAM_TABLES, 2), self.CHARACTERS), "\\N\n"])

    def rows(self, chunk: Chunk, credited: Credits, people_rows: Ints) -> bytearray:
        """Return the text of one chunk; ``people_rows`` are the credited people's rows in name.basics."""
        mixed = credited.places.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= (chunk.units[credited.titles] + 1).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        picks = (mixed >> np.uint64(44)).astype(np.int64)
        characters = np.where(credited.categories <= ACTRESS, picks % self.CHARACTERS, self.CHARACTERS)
        columns: list[Texts | bytes] = [
            self.title_ids.whole(chunk.ids)[credited.titles],
            self.orderings[credited.slots],
            *self.name_ids.columns(self.world.people.ids[people_rows].astype(np.int64)),
            self.jobs[credited.categories * JOB_SLOTS + (picks >> 16) % JOB_SLOTS],
            self.characters[characters],
        ]
        return join_columns(len(credited.titles), columns)


def character_texts(rng: np.random.Generator, count: int) -> list[str]:
    """Make the characters column of acting rows: JSON lists of one name, rarely of two, some null."""
    firsts = [name for _, male, female, _ in CULTURES.values() for name in (*male.split(), *female.split())]
    lasts = [name for _, _, _, last in CULTURES.values() for name in last.split()]
    lasts += made_words(rng, 4000, (NAME_ONSETS, NAME_VOWELS, NAME_CODAS), LAST_ENDINGS)
    first = rng.integers(0, len(firsts), count).tolist()
    last = rng.integers(0, len(lasts), count).tolist()
    role = zipf_ranks(rng.random((count,)), len(ROLE_NAMES)).tolist()
    texts = []
    for number, style in enumerate(rng.random(count).tolist()):
        name, family, part = firsts[first[number]], lasts[last[number]], ROLE_NAMES[role[number]]
        if style < 0.12:
            texts.append("\\N\n")
        elif style < 0.40:
            texts.append(f'["{name}"]\n')
        elif style < 0.70:
            texts.append(f'["{name} {family}"]\n')
        elif style < 0.95:
            texts.append(f'["{part}"]\n')
        elif style < 0.98:
            texts.append(f'["{name}","{part}"]\n')
        else:
            texts.append(f'["{name} \\"{family[:6]}\\" {family}"]\n')
    return texts


# ------------------------------------------------------------------------------------------------------------
# Names
# ------------------------------------------------------------------------------------------------------------


class NameLists:
    """First names and last names of all cultures, followed by made ones."""

    MADE_FIRST, MADE_LAST = 6_000, 60_000
    MADE_FIRST_SHARE, MADE_LAST_SHARE = 0.28, 0.58
    LISTED_SHIFT, MADE_FIRST_SHIFT, MADE_LAST_SHIFT = 10.0, 60.0, 300.0

    def __init__(self, rng: np.random.Generator) -> None:
        """Put the lists together; ``ranges[kind]`` holds start and size for each culture."""
        firsts: list[str] = []
        lasts: list[str] = []
        ranges: tuple[list[tuple[int, int]], ...] = ([], [], [])
        for _, *lists in CULTURES.values():
            for kind, words in enumerate(lists):
                names, target = words.split(), lasts if kind == 2 else firsts
                ranges[kind].append((len(target), len(names)))
                target.extend(names)
        self.ranges = [np.array(pairs, dtype=np.int64) for pairs in ranges]
        self.cultures = Choices([share for share, *_ in CULTURES.values()])
        self.made_first, self.made_last = len(firsts), len(lasts)
        parts = (NAME_ONSETS, NAME_VOWELS, NAME_CODAS)
        firsts += made_words(rng, self.MADE_FIRST, parts, FIRST_ENDINGS)
        lasts += made_words(rng, self.MADE_LAST, parts, LAST_ENDINGS)
        self.firsts = text_array(firsts)
        self.lasts = text_array([f" {name}" for name in lasts])
        initials = [f" {letter}." for letter in "JMALRESDCPKTBGHFNWV"]
        self.middles = text_array(["", *initials, *(f" {name}" for name in firsts[:120])])
        self.endings = text_array(
            ["", " Jr.", " Sr.", " III", " II", "-Smith", "-Martin", "-García", " Müller", "-Lee"]
        )
        self.ending_choices = Choices([9850, 50, 8, 10, 4, 25, 18, 18, 9, 8])

    def columns(self, rng: np.random.Generator, male: Bools) -> list[Texts]:
        """Draw names as columns: first, middle, last, ending."""
        count = len(male)
        cultures = self.cultures.draw(rng, count)
        given = np.where(male[:, None], self.ranges[0][cultures], self.ranges[1][cultures])
        first = given[:, 0] + zipf_ranks(rng.random(count), given[:, 1], self.LISTED_SHIFT)
        rows = np.flatnonzero(rng.random(count) < self.MADE_FIRST_SHARE)
        first[rows] = self.made_first + zipf_ranks(rng.random(len(rows)), self.MADE_FIRST, self.MADE_FIRST_SHIFT)
        family = self.ranges[2][cultures]
        last = family[:, 0] + zipf_ranks(rng.random(count), family[:, 1], self.LISTED_SHIFT)
        rows = np.flatnonzero(rng.random(count) < self.MADE_LAST_SHARE)
        last[rows] = self.made_last + zipf_ranks(rng.random(len(rows)), self.MADE_LAST, self.MADE_LAST_SHIFT)
        middle = np.where(rng.random(count) < 0.13, rng.integers(1, len(self.middles), count), 0)
        ending = self.ending_choices.draw(rng, count)
        columns = [self.firsts[first], self.middles[middle], self.lasts[last], self.endings[ending]]
        alone = np.flatnonzero(rng.random(count) < 0.015)
        for column in columns[1:]:
            column[alone] = b""
        return columns


def profession_texts(rng: np.random.Generator) -> Texts:
    """Make PROFESSION_COMBINATIONS professions for each role, those of men and of women who act first."""
    firsts = ["actor", "actress", "", *ROLES[2:-1], ""]
    texts = []
    for first in firsts:
        side = zipf_ranks(rng.random((PROFESSION_COMBINATIONS, 2)), len(SIDE_PROFESSIONS)).tolist()
        extra = Choices([58, 24, 18]).draw(rng, PROFESSION_COMBINATIONS).tolist()
        bare = (rng.random(PROFESSION_COMBINATIONS) < 0.12).tolist()
        for picks, count, none in zip(side, extra, bare, strict=True):
            sides = [SIDE_PROFESSIONS[pick] for pick in picks[: count or (0 if first else 1)]]
            names = dict.fromkeys(([first] if first else []) + sides)
            if first in ("actor", "actress"):
                names.pop("actor" if first == "actress" else "actress", None)
            texts.append(("" if none else ",".join(names)) or r"\N")
    return text_array(texts)


class NamesText:
    """The rows of name.basics."""

    def __init__(self, world: World) -> None:
        """Make the tables of texts."""
        self.world = world
        self.lists = NameLists(stream(world.seed, STREAM_TABLES, 3))
        self.professions = profession_texts(stream(world.seed, STREAM_TABLES, 4))
        self.ids, self.first, self.later = IdText("nm", "\t"), IdText("tt"), IdText(",tt")
        self.years = text_array(["\\N\t"] + [f"{year}\t" for year in range(1840, THIS_YEAR + 1)])
        self.null = np.array([rb"\N", b""])

    def rows(self, number: int, first: int, known: npt.NDArray[np.int32]) -> bytearray:
        """Return the text of a chunk; ``known`` holds up to four titles (row + 1) for each person, or 0."""
        rng = stream(self.world.seed, STREAM_NAMES, number)
        people, count = self.world.people, len(known)
        places = people.places(np.arange(first, first + count))
        roles = np.searchsorted(people.bounds, places, side="right") - 1
        male = is_male(places)
        table = np.where(roles == ACTING_ROLE, np.where(male, 0, 1), roles + 1)
        picks = rng.integers(0, PROFESSION_COMBINATIONS, count)
        columns: list[Texts | bytes] = [
            *self.ids.columns(people.ids[first : first + count].astype(np.int64)),
            *self.lists.columns(rng, male),
            b"\t",
            *self._years(rng, places, roles),
            self.professions[table * PROFESSION_COMBINATIONS + picks],
            b"\t",
            *self._known_for(rng, known.astype(np.int64)),
            b"\n",
        ]
        return join_columns(count, columns)

    def _years(self, rng: np.random.Generator, places: Ints, roles: Ints) -> list[Texts]:
        """Return the columns of birth and death years, known for the busy people rather than for the rest."""
        people, count = self.world.people, len(places)
        busy = places - people.starts[roles] < 0.03 * people.sizes[roles]
        born = np.minimum(rng.normal(1962, 27, count).astype(np.int64), THIS_YEAR - 4)
        born = np.maximum(born, 1845)
        died = born + np.clip(rng.normal(74, 14, count).astype(np.int64), 3, 108)
        known_birth = rng.random(count) < np.where(busy, 0.6, 0.033)
        known_death = (died <= THIS_YEAR) & (rng.random(count) < np.where(known_birth, 0.8, 0.008))
        return [
            self.years[np.where(known, years - 1839, 0)] for known, years in ((known_birth, born), (known_death, died))
        ]

    def _known_for(self, rng: np.random.Generator, known: Ints) -> list[Texts]:
        """Return the columns of knownForTitles; most people without credits get some title all the same."""
        idle = np.flatnonzero(~known.any(axis=1) & (rng.random(len(known)) < 0.85))
        known[idle, 0] = rng.integers(1, len(self.world.titles) + 1, len(idle))
        some = np.flatnonzero(rng.random(len(idle)) < 0.3)
        known[idle[some], 1] = rng.integers(1, len(self.world.titles) + 1, len(some))
        repeated = known[:, 1] == known[:, 0]
        known[repeated, 1] = 0
        known = -np.sort(-known, axis=1)
        ids = np.where(known > 0, self.world.titles[known - 1].astype(np.int64), -1)
        columns = [self.null[(known[:, 0] > 0).astype(np.int64)], *self.first.columns(ids[:, 0])]
        for place in range(1, known.shape[1]):
            columns += self.later.columns(ids[:, place])
        return columns


# ------------------------------------------------------------------------------------------------------------
# Files
# ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    out_dir: Path
    titles: int
    seed: int
    plain: bool


@dataclass(frozen=True, slots=True)
class FileSummary:
    """What was written to one file."""

    name: str
    rows: int
    text_bytes: int
    file_bytes: int
    seconds: float


class TsvFile:
    """One output file that counts its rows and tells how far it is."""

    def __init__(self, options: Options, table: str, expected: int) -> None:
        """Open the file of a table and write its header; ``expected`` rows are for the progress only."""
        self.path = options.out_dir / f"{table}.tsv{'' if options.plain else '.gz'}"
        self.expected = expected
        self.rows = self.text_bytes = 0
        self.started = self.reported = time.monotonic()
        self.out: BinaryIO = self.path.open("wb")
        # A gzip header written this way holds no name and no time: the same bytes for the same data.
        packer = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
        self.packer = None if options.plain else packer
        self.write("\t".join(HEADERS[table].split()).encode() + b"\n", 0)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        with self.out:
            if self.packer:
                self.out.write(self.packer.flush())

    def write(self, text: bytes | bytearray, rows: int) -> None:
        """Append rows."""
        self.out.write(self.packer.compress(text) if self.packer else text)
        self.rows += rows
        self.text_bytes += len(text)
        if time.monotonic() - self.reported >= PROGRESS_SECONDS:
            self.reported = time.monotonic()
            share = min(self.rows / self.expected, 1.0)
            print(f"{self.path.name}: {self.rows:,} rows ({share:.0%})", file=sys.stderr, flush=True)

    def summary(self) -> FileSummary:
        """Return what was written; call it after closing."""
        seconds = time.monotonic() - self.started
        return FileSummary(self.path.name, self.rows, self.text_bytes, self.path.stat().st_size, seconds)


def write_title_files(options: Options) -> list[FileSummary]:
    """Write title.basics, title.ratings and title.crew."""
    world = World.make(options.titles, options.seed)
    basics_text, ratings_text, crew_text = BasicsText(world), RatingsText(world), CrewText(world)
    with ExitStack() as stack:
        basics = stack.enter_context(TsvFile(options, BASICS, options.titles))
        ratings = stack.enter_context(TsvFile(options, RATINGS, round(options.titles * RATED_SHARE)))
        crew = stack.enter_context(TsvFile(options, CREW, options.titles))
        for chunk in world.chunks():
            basics.write(basics_text.rows(chunk), len(chunk))
            ratings.write(*ratings_text.rows(chunk))
            crew.write(crew_text.rows(chunk, make_crew(world, chunk)), len(chunk))
    return [file.summary() for file in (basics, ratings, crew)]


def write_people_files(options: Options) -> list[FileSummary]:
    """Write title.principals, and name.basics with the titles people turned out to be known for."""
    world = World.make(options.titles, options.seed)
    known = np.zeros((world.people.count, 4), dtype=np.int32)
    casting, principals_text = Casting(world), PrincipalsText(world)
    with TsvFile(options, PRINCIPALS, options.titles * 8) as principals:
        for chunk in world.chunks():
            credited = casting.draw(chunk, make_crew(world, chunk))
            people_rows = world.people.rows(credited.places)
            principals.write(principals_text.rows(chunk, credited, people_rows), len(people_rows))
            # One of four slots by the title, so that no title fills two; films last, they stay.
            titles = chunk.first + credited.titles
            films = np.isin(chunk.kinds, (MOVIE, TV_MOVIE))[credited.titles]
            for rows in (np.flatnonzero(~films), np.flatnonzero(films)):
                known[people_rows[rows], titles[rows] % 4] = titles[rows] + 1
    names_text = NamesText(world)
    with TsvFile(options, NAMES, world.people.count) as names:
        for number, first in enumerate(range(0, world.people.count, CHUNK)):
            part = known[first : first + CHUNK]
            names.write(names_text.rows(number, first, part), len(part))
    return [file.summary() for file in (principals, names)]


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write synthetic data in the format of IMDb's data set.")
    parser.add_argument("out_dir", type=Path, help="directory to write to; made if it does not exist")
    parser.add_argument("--titles", type=int, default=DEFAULT_TITLES, help="number of titles (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same data (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help="write .tsv instead of .tsv.gz")
    found = parser.parse_args(arguments)
    if not MIN_TITLES <= found.titles <= MAX_TITLES:
        parser.error(f"--titles must be between {MIN_TITLES:,} and {MAX_TITLES:,}")
    if found.seed < 0:
        parser.error("--seed must not be negative")
    return Options(found.out_dir, found.titles, found.seed, found.plain)


def main() -> None:
    """Write the five files, two processes side by side, and print what they hold."""
    options = parse_options()
    options.out_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ProcessPoolExecutor(max_workers=2) as pool:
        tasks = [pool.submit(task, options) for task in (write_people_files, write_title_files)]
        summaries = [summary for task in reversed(tasks) for summary in task.result()]
    for summary in summaries:
        print(
            f"{summary.name:<24}{summary.rows:>12,} rows {summary.text_bytes:>14,} bytes of text "
            f"{summary.file_bytes:>14,} bytes on disk {summary.seconds:>7.1f} s"
        )
    print(f"{options.titles:,} titles, seed {options.seed}: {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()

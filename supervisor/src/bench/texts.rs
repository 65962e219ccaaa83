//! What is asked for when nobody brings texts: chat lines as live streams have them, and paragraphs as books have.

/// A part of the built-in texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TextSet {
    /// Chat lines in both languages
    Short,
    /// Paragraphs in both languages
    Long,
    /// Everything
    Mixed,
    /// English, short and long
    En,
    /// Chinese, short and long
    Zh,
}

impl TextSet {
    /// Its texts.
    pub fn texts(self) -> Vec<String> {
        let parts: &[&[&str]] = match self {
            Self::Short => &[&EN_SHORT, &ZH_SHORT],
            Self::Long => &[&EN_LONG, &ZH_LONG],
            Self::Mixed => &[&EN_SHORT, &ZH_SHORT, &EN_LONG, &ZH_LONG],
            Self::En => &[&EN_SHORT, &EN_LONG],
            Self::Zh => &[&ZH_SHORT, &ZH_LONG],
        };
        parts.iter().flat_map(|part| part.iter()).map(|&text| text.to_owned()).collect()
    }
}

const EN_SHORT: [&str; 10] = [
    "Hello from Toronto!",
    "First time here, love the stream.",
    "Wait, how did you do that?",
    "Thank you for the gift, you are too kind.",
    "The kitchen light is off.",
    "What time does the second part start tonight?",
    "Good morning! It is 7:30, and it will rain later.",
    "No way, that was so close.",
    "Could you play that song again, please?",
    "Your table for two is ready.",
];

const ZH_SHORT: [&str; 10] = [
    "主播晚上好！",
    "第一次来，关注了。",
    "刚才那一下是怎么做到的？",
    "谢谢老板送的礼物，太客气了。",
    "客厅的灯已经关了。",
    "今天晚上几点开始第二场？",
    "早上好，现在是七点半，下午有小雨。",
    "哈哈哈，差一点就赢了。",
    "能不能再唱一遍刚才那首歌？",
    "您预订的两人桌已经准备好了。",
];

const EN_LONG: [&str; 5] = [
    "The lighthouse keeper climbed the stairs every evening, counting them under his breath although he had long \
     known their number. From the top he could see the harbour, the road to the village, and on clear days the \
     mountains beyond the bay. He trimmed the lamp, wound the clockwork, and sat down to write in his log, where \
     most days looked the same. Tonight, for once, there was something new to tell.",
    "Before you start, read the whole recipe. Soften the onions in butter over a low heat for about ten minutes; \
     they should be sweet and clear, never brown. Add the rice, stir until every grain shines, and pour in the \
     wine. When it is gone, ladle in the hot stock a little at a time. After eighteen minutes, taste it: the rice \
     should be tender, with a little resistance at the centre.",
    "Good evening, and welcome to the news at eight. The city council has agreed on a plan to renew the old tram \
     line along the river, which has been closed since 2011. Work begins next spring and is expected to take three \
     years. Residents had asked for quieter tracks and for trees along the route, and both are part of the plan. \
     The first trams are to run every six minutes.",
    "When we speak of the speed of a computer, we usually mean how much it can do in a second. For somebody who \
     waits, another number matters more: how long it takes until the first thing happens. A machine can be very \
     good at the one and poor at the other. A conversation needs both, because a voice that begins late feels \
     absent, and a voice that stops in the middle of a sentence feels broken.",
    "My grandmother kept her letters in a biscuit tin on top of the wardrobe. There were hundreds of them, tied in \
     bundles, each with a ribbon of its own colour. Blue was for her brother, who had gone to sea, and green for \
     the friend who moved to Dublin. Nobody was allowed to read the red ones. Years later, when we opened the tin, \
     the red bundle held only drawings, made by a child, of a house with a crooked chimney.",
];

const ZH_LONG: [&str; 5] = [
    "每天傍晚，守塔人都会沿着石阶慢慢走上灯塔，一边走一边数，虽然他早就知道一共有多少级。站在塔顶，\
     他可以看见港口、通往村子的小路，天气晴朗的时候还能看见海湾对面的群山。他修剪灯芯，上好发条，\
     然后坐下来写日记。大多数日子都差不多，不过今天晚上，终于有一件新鲜事可以写了。",
    "开始之前，请先把整个菜谱看一遍。锅里放少许油，小火把葱姜炒香，不要炒糊。放入切好的排骨，\
     翻炒到表面变色，再加两勺料酒和一勺生抽。加入没过排骨的热水，大火烧开以后转小火，炖四十分钟左右。\
     最后十分钟放入切块的土豆和胡萝卜，出锅前尝一尝咸淡，再撒上一点香菜。",
    "各位听众晚上好，欢迎收听八点新闻。市政府今天通过了沿江有轨电车的改造方案，这条线路从二〇一一年起\
     就一直停运。工程将于明年春天开工，预计需要三年时间。居民们希望轨道更加安静，沿线多种一些树，\
     这两点都已经写进了方案。通车以后，平均每六分钟就有一班车。",
    "我们说一台电脑快，通常是说它一秒钟能做多少事情。可是对正在等待的人来说，另一个数字更加重要：\
     要过多久，第一件事情才会发生。一台机器可能在前一点上很出色，在后一点上却很差。对话需要两者兼备，\
     因为声音来得太晚，会让人觉得没有人在听；声音在一句话中间断了，会让人觉得出了故障。",
    "外婆把信都放在衣柜顶上的一个饼干盒里。信有好几百封，一捆一捆地扎好，每一捆都有自己颜色的丝带。\
     蓝色的是出海的舅公寄来的，绿色的是搬到苏州的老朋友写的，红色的那一捆谁也不许看。很多年以后，\
     我们打开盒子，才发现红丝带里只有几张孩子画的画，画上是一座烟囱歪歪的小房子。",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_has_its_texts_and_no_text_comes_twice() {
        let mut all = TextSet::Mixed.texts();
        assert_eq!(all.len(), TextSet::Short.texts().len() + TextSet::Long.texts().len());
        assert_eq!(all.len(), TextSet::En.texts().len() + TextSet::Zh.texts().len());
        assert!(TextSet::En.texts().iter().all(|text| text.is_ascii()));
        assert!(all.iter().all(|text| !text.contains("  ") && !text.contains('\n')), "one line each");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 30);
    }
}
